// Around the hosted card field: puts its frame in place, asks it for an alias when the form is sent, then sends the
// form once. Card numbers never enter this document. The frame is sandboxed, so its messages have the origin "null":
// what counts is that they come from the very window we opened.

const BOXES = '[data-card-field][data-component="sandbox"]';
const PATIENCE = 10000; // milliseconds until a frame that stays silent is called unreachable
const fields = new WeakMap(); // box → { frame, ready, asking, passing, submitter }

const formOf = (box) => document.getElementById(box.dataset.cardField);
const tell = (field, type, facts = {}) => field.frame.contentWindow?.postMessage({ cardField: type, ...facts }, "*");

function setUpAll() {
  for (const box of document.querySelectorAll(BOXES)) if (!box.querySelector("iframe")) setUp(box);
}

function setUp(box) {
  const frame = document.createElement("iframe");
  const field = { frame, ready: false, asking: false, passing: false, submitter: null };
  fields.set(box, field);
  frame.title = box.dataset.title;
  frame.sandbox = "allow-scripts allow-forms";
  frame.src = `${box.querySelector("[data-frame-src]").dataset.frameSrc}?look=${appearance(box).look}`;
  box.querySelector("[data-card-frame]").replaceChildren(frame);
  setTimeout(() => field.ready || complain(box, box.dataset.sayUnreachable), PATIENCE);
}

function appearance(box) {
  const style = getComputedStyle(box.querySelector("[data-card-frame]"));
  return {
    look: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light",
    accent: style.caretColor,
    control: style.getPropertyValue("--control").trim(),
    round: style.getPropertyValue("--round").trim(),
  };
}

function complain(box, sentence) {
  const place = box.querySelector("[data-card-error]");
  place.querySelector("span").textContent = sentence;
  place.hidden = !sentence;
}

/* The form waits for the alias. */

document.addEventListener("submit", (event) => {
  const box = document.querySelector(`${BOXES}[data-card-field="${CSS.escape(event.target.id)}"]`);
  const field = box && fields.get(box);
  if (!field || field.passing) return;
  if (!box.checkVisibility() || event.submitter?.formNoValidate) return fill(box, "", "");
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!field.ready) return complain(box, box.dataset.sayUnreachable);
  if (field.asking) return;
  field.asking = true;
  field.submitter = event.submitter;
  tell(field, "tokenize");
}, true);

function fill(box, alias, label) {
  const { instrument, card_label } = formOf(box).elements;
  instrument.value = alias;
  card_label.value = label;
}

function send(box, field) {
  field.passing = true; // the event of requestSubmit() runs before it returns
  formOf(box).requestSubmit(field.submitter?.isConnected ? field.submitter : null);
  field.passing = false;
}

function lead(field, tries = 0) {
  if (document.activeElement === field.frame) field.frame.blur();
  field.frame.focus();
  tell(field, "focus", { tries });
}

/* What the frame says. */

const heard = {
  ready(box, field) {
    field.ready = true;
    complain(box, "");
    tell(field, "dress", appearance(box));
  },
  size: (box, field, { height }) => (field.frame.height = Math.min(Number(height) || 0, 600)),
  enter: (box) => {
    const form = formOf(box);
    form.requestSubmit(form.querySelector("button:not([type=button], [formnovalidate])"));
  },
  invalid(box, field) {
    field.asking = false;
    lead(field);
  },
  astray(box, field, { tries }) {
    const stayed = [document.body, field.frame, field.submitter].includes(document.activeElement);
    if (stayed) lead(field, tries); // else the customer has gone on by themselves
  },
  token(box, field, { alias, brand, last4 }) {
    if (!field.asking) return;
    field.asking = false;
    fill(box, alias, box.dataset.sayLabel.replace("{brand}", brand).replace("{last4}", last4));
    send(box, field);
  },
};

addEventListener("message", ({ source, data }) => {
  for (const box of document.querySelectorAll(BOXES)) {
    const field = fields.get(box);
    if (source && field?.frame.contentWindow === source) heard[data?.cardField]?.(box, field, data);
  }
});

/* The page changes: its look, its parts, or it comes back from the past. */

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => everyField((box, field) => tell(field, "dress", appearance(box))));
document.addEventListener("htmx:after:swap", setUpAll);
document.addEventListener("htmx:before:request", ({ target }) => everyField((box, field) => formOf(box) === target && tell(field, "able", { able: false })));
document.addEventListener("htmx:finally:request", () => everyField((box, field) => tell(field, "able", { able: true })));
addEventListener("pageshow", (event) => event.persisted && everyField((box) => fill(box, "", "")));

function everyField(act) {
  for (const box of document.querySelectorAll(BOXES)) if (fields.has(box)) act(box, fields.get(box));
}

setUpAll();
