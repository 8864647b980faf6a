// Signing: the drawn signature goes into a hidden field as a PNG, the typed one shows as it will be stored.

const INK = "#171a2b";
const SHARPNESS = 2;

for (const box of document.querySelectorAll("[data-signature]")) setUp(box);

function setUp(box) {
  const canvas = box.querySelector("canvas");
  const image = box.querySelector("input[type=hidden]");
  const missing = box.querySelector("[data-signature-missing]");
  const hint = box.querySelector(".signature-hint");
  const pad = new SignaturePad(canvas, { penColor: INK, minWidth: 0.9, maxWidth: 2.8 });

  const show = () => {
    hint.hidden = !pad.isEmpty();
    if (!pad.isEmpty()) missing.hidden = true;
  };
  pad.addEventListener("beginStroke", () => (hint.hidden = true));
  pad.addEventListener("endStroke", show);
  box.querySelector("[data-signature-clear]").addEventListener("click", () => (pad.clear(), show()));
  new ResizeObserver(() => fit(canvas, pad)).observe(canvas);
  preferDrawing(box);
  mirrorName(box);

  box.closest("form").addEventListener("submit", (event) => {
    const drawn = box.querySelector("[value=drawn]")?.checked;
    image.value = drawn && !pad.isEmpty() ? pad.toDataURL("image/png") : "";
    if (!drawn || !pad.isEmpty()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    missing.hidden = false;
    box.scrollIntoView({ block: "center" });
  }, true);
}

// A canvas that changes its size forgets what was drawn: scale it for sharp lines and draw the strokes again.
function fit(canvas, pad) {
  const { width, height } = canvas.getBoundingClientRect();
  if (!width || (canvas.width === Math.round(width * SHARPNESS) && canvas.height === Math.round(height * SHARPNESS))) return;
  const strokes = pad.toData();
  canvas.width = Math.round(width * SHARPNESS);
  canvas.height = Math.round(height * SHARPNESS);
  canvas.getContext("2d").scale(SHARPNESS, SHARPNESS);
  pad.fromData(strokes);
}

// The server preselects typing, which works everywhere; who can draw starts with drawing, unless a choice came back.
function preferDrawing(box) {
  const drawn = box.querySelector("[value=drawn]");
  if (drawn && !document.querySelector("[data-error-summary]")) drawn.checked = true;
}

function mirrorName(box) {
  const name = document.getElementById(box.dataset.nameField);
  const typed = box.querySelector(".signature-typed");
  const mirror = () => (typed.textContent = name.value || " ");
  name?.addEventListener("input", mirror);
  if (name) mirror();
}
