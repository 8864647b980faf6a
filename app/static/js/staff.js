// For people who spend the day here: keys, typed input that survives an expired session, rows of an editor.

/* Keys: `/` search, `g` and a letter to go somewhere, `?` the list. */

const PLACES = { o: "/orders/", q: "/quotes/", p: "/payments/", a: "/quotes/?status=submitted" };
let goingSince = 0;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
  if (event.key === "/") {
    event.preventDefault();
    document.getElementById("global-search")?.select();
  } else if (event.key === "?") {
    document.getElementById("keys")?.showModal();
  } else if (event.key === "g") {
    goingSince = Date.now();
  } else if (Date.now() - goingSince < 1200 && PLACES[event.key]) {
    location.href = PLACES[event.key];
  }
});

function typing(element) {
  return element.matches("input:not([type=checkbox], [type=radio]), textarea, select") || element.isContentEditable;
}

/* Typed input survives an expired session: kept while a form is sent, given back after signing in again. */

const KEPT = "unsent:";

document.addEventListener("submit", (event) => keep(event.target), true);

function keep(form) {
  if (form.method !== "post" || !form.matches("[data-draft]")) return;
  const fields = [...new FormData(form)].filter(([name, value]) => typeof value === "string" && !["csrf_token", "form_key", "version"].includes(name));
  sessionStorage.setItem(KEPT + form.getAttribute("action"), JSON.stringify({ at: form.dataset.draft, fields }));
}

document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (ctx.response.status < 400 && !ctx.hx?.redirect) sessionStorage.removeItem(KEPT + ctx.request.action);
});

function giveBack() {
  const kept = Object.keys(sessionStorage).filter((key) => key.startsWith(KEPT));
  if (!sessionStorage.getItem("session-ended")) {
    kept.forEach((key) => sessionStorage.removeItem(key));
    return;
  }
  for (const key of kept) {
    const { at, fields } = JSON.parse(sessionStorage.getItem(key));
    const form = document.querySelector(`form[action="${CSS.escape(key.slice(KEPT.length))}"]`);
    if (form) fill(form, fields);
    else if (location.pathname + location.search !== at) return location.assign(at);
    sessionStorage.removeItem(key);
  }
  sessionStorage.removeItem("session-ended");
}

function fill(form, fields) {
  for (const box of form.querySelectorAll("[type=checkbox], [type=radio]")) box.checked = false;
  for (const [name, value] of fields) {
    for (const control of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
      if (control.matches("[type=checkbox], [type=radio]")) control.checked ||= control.value === value;
      else control.value = value;
    }
  }
}

/* Editors of lines: rows come from a <template>; without JavaScript there are spare blank rows instead. */

document.addEventListener("click", (event) => {
  const editor = event.target.closest("[data-line-editor]");
  if (!editor) return;
  if (event.target.closest("[data-line-add]")) addRow(editor);
  if (event.target.closest("[data-line-remove]")) event.target.closest("[data-line]").remove();
});

function addRow(editor) {
  const index = editor.dataset.next ?? editor.querySelectorAll("[data-line]").length;
  const row = editor.querySelector("template").innerHTML.replaceAll("__index__", index);
  editor.dataset.next = Number(index) + 1;
  editor.querySelector("[data-lines]").insertAdjacentHTML("beforeend", row);
  editor.querySelector("[data-line]:last-child").querySelector("input:not([type=hidden]), select")?.focus();
}

giveBack();
