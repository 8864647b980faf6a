// Stripe's Payment Element in the place of a card field: loads Stripe's own script, dresses the element as the fields
// around it, and turns what was typed into it into a confirmation token when the form is sent. The form then carries the
// token; card numbers never enter this document, and our server confirms the payment.

const SCRIPT = "https://js.stripe.com/endive/stripe.js"; // of the API version that the server speaks
const BOXES = '[data-card-field][data-component="stripe"]';
const PATIENCE = 15000; // milliseconds until an element that stays silent is called unreachable
const fields = new WeakMap(); // box → { stripe, elements, ready: a promise, asking, passing }

const formOf = (box) => document.getElementById(box.dataset.cardField);
const dark = matchMedia("(prefers-color-scheme: dark)");

let loading;
function stripeScript() {
  loading ??= new Promise((loaded, failed) => {
    if (window.Stripe) return loaded(window.Stripe);
    const script = document.createElement("script");
    script.src = SCRIPT;
    script.onload = () => loaded(window.Stripe);
    script.onerror = failed;
    document.head.append(script);
  });
  return loading;
}

function setUpAll() {
  for (const box of document.querySelectorAll(BOXES)) if (!fields.has(box)) setUp(box);
}

function setUp(box) {
  const field = { asking: false, passing: false };
  fields.set(box, field);
  field.ready = mount(box, field);
  field.ready.then(() => complain(box, ""), () => complain(box, box.dataset.sayUnreachable));
}

/* Ends once a card can be entered; fails if the element cannot be had, or stays silent. */
async function mount(box, field) {
  field.stripe = (await stripeScript())(box.dataset.key, { locale: document.documentElement.lang || "auto" });
  field.elements = field.stripe.elements({ ...purpose(box), paymentMethodTypes: ["card"], appearance: appearance(box) });
  const element = field.elements.create("payment", {
    fields: { billingDetails: { name: "never" } },
    terms: { card: "never" },
    wallets: { applePay: "never", googlePay: "never" },
  });
  const shown = new Promise((ready, failed) => {
    element.on("ready", ready);
    element.on("loaderror", failed);
    setTimeout(failed, PATIENCE);
  });
  element.mount(box.querySelector("[data-card-frame]"));
  return shown;
}

/* Stripe refuses a confirmation token whose element was told another way to capture than the payment takes. */
function purpose({ dataset: { mode, amount, currency, capture } }) {
  return mode === "setup" ? { mode, currency } : { mode, currency, amount: Number(amount), captureMethod: capture };
}

function complain(box, sentence) {
  const place = box.querySelector("[data-card-error]");
  place.querySelector("span").textContent = sentence;
  place.hidden = !sentence;
}

/* What it looks like: Stripe's frame cannot see our tokens, and knows plain colours only. */

function appearance(box) {
  const style = getComputedStyle(box.querySelector("[data-card-frame]"));
  const variables = {
    colorPrimary: plain(style.caretColor),
    colorText: plain(style.color),
    colorBackground: plain(surface(box)),
    fontFamily: "system-ui, sans-serif",
    borderRadius: style.getPropertyValue("--round").trim() || "6px",
  };
  return { theme: dark.matches ? "night" : "stripe", labels: "above", variables };
}

function surface(place) {
  for (let at = place; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (colour !== "rgba(0, 0, 0, 0)") return colour;
  }
  return "#ffffff";
}

function plain(colour) {
  const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 1, 1);
  const [red, green, blue] = pen.getImageData(0, 0, 1, 1).data;
  return `#${[red, green, blue].map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

/* The form waits for the token. */

document.addEventListener("submit", (event) => {
  const box = document.querySelector(`${BOXES}[data-card-field="${CSS.escape(event.target.id)}"]`);
  const field = box && fields.get(box);
  if (!field || field.passing) return;
  if (!box.checkVisibility() || event.submitter?.formNoValidate) return fill(box, "", "");
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!field.asking) send(box, field, event.submitter);
}, true);

async function send(box, field, submitter) {
  field.asking = true;
  complain(box, "");
  try {
    await new Promise((later) => setTimeout(later)); // a form that is still being asked to submit ignores the next time
    await field.ready;
    const token = await ask(box, field);
    if (token) pass(box, field, token, submitter);
  } catch {
    complain(box, box.dataset.sayUnreachable);
  } finally {
    field.asking = false;
  }
}

/* What is wrong with the card, the element says beside its fields; what is wrong otherwise, we do. */
async function ask(box, { stripe, elements }) {
  const { save, name } = formOf(box).elements;
  const keeps = save ? save.checked : Boolean(box.dataset.save);
  if (box.dataset.mode === "payment") elements.update({ setupFutureUsage: keeps ? "off_session" : null });
  const checked = await elements.submit();
  if (checked.error) return null;
  const billing_details = { name: name?.value || null };
  const made = await stripe.createConfirmationToken({ elements, params: { payment_method_data: { billing_details } } });
  if (made.error) complain(box, made.error.message || box.dataset.sayUnreachable);
  return made.confirmationToken;
}

function pass(box, field, token, submitter) {
  const { brand = "card", last4 = "" } = token.payment_method_preview?.card ?? {};
  const said = brand.charAt(0).toUpperCase() + brand.slice(1);
  fill(box, token.id, box.dataset.sayLabel.replace("{brand}", said).replace("{last4}", last4));
  field.passing = true; // the event of requestSubmit() runs before it returns
  formOf(box).requestSubmit(submitter?.isConnected ? submitter : null);
  field.passing = false;
}

function fill(box, alias, label) {
  const { instrument, card_label } = formOf(box).elements;
  instrument.value = alias;
  card_label.value = label;
}

/* The page changes: its look, its parts, or it comes back from the past. */

function everyField(act) {
  for (const box of document.querySelectorAll(BOXES)) if (fields.get(box)?.elements) act(box, fields.get(box));
}

dark.addEventListener("change", () => everyField((box, { elements }) => elements.update({ appearance: appearance(box) })));
document.addEventListener("htmx:after:swap", setUpAll);
addEventListener("pageshow", (event) => event.persisted && everyField((box) => fill(box, "", "")));

setUpAll();
