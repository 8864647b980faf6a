// The quote editor: choosing a product fills in its list price and shows its name.

document.addEventListener("change", ({ target }) => {
  if (!target.matches("[data-product]")) return;
  const row = target.closest("[data-line]");
  const { price, currency, name } = target.selectedOptions[0].dataset;
  const quantity = row.querySelector("[name$=-quantity]");
  const unitPrice = row.querySelector("[name$=-unit_price]");
  const same = currency === document.getElementById("currency").value;
  unitPrice.value = same ? price : "";
  row.querySelector("[name$=-description]").placeholder = name ?? "";
  if (price && !quantity.value) quantity.value = "1";
});
