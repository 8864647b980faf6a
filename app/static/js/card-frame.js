// Inside the hosted card field. Turns a published test card into an alias and gives that to the page around it; the
// number itself stays in this document, whose policy lets it connect to nothing.
"use strict";

const known = JSON.parse(document.getElementById("known").textContent);
const form = document.forms[0];
const { number, expiry, cvc } = form.elements;
const errors = document.getElementById("errors");
const say = form.dataset;
const HOME = location.origin; // of our address; a sandboxed document's own origin is "null"

const digits = (input) => input.value.replace(/\D/g, "");
const card = () => known.find((one) => one.number === digits(number));
const tell = (type, facts = {}) => parent.postMessage({ cardField: type, ...facts }, HOME);

/* Typing: group what is typed, and leave the caret where it was. */

function reshape(input, shape) {
  const atEnd = input.selectionStart === input.value.length;
  const before = input.value.slice(0, input.selectionStart).replace(/\D/g, "").length;
  input.value = shape(input.value);
  let place = 0;
  for (let seen = 0; place < input.value.length && seen < before; place++) if (/\d/.test(input.value[place])) seen++;
  if (atEnd) place = input.value.length;
  if (document.activeElement === input) input.setSelectionRange(place, place);
}

function groups(text) {
  const plain = text.replace(/\D/g, "").slice(0, 19);
  const parts = /^3[47]/.test(plain) ? [plain.slice(0, 4), plain.slice(4, 10), plain.slice(10, 15)] : plain.match(/.{1,4}/g) ?? [];
  return parts.filter(Boolean).join(" ");
}

// "1", "12", "12 / 3", "12/30", "1/30", "12/2030" and what browsers fill in, "2030-12".
function date(text) {
  const iso = text.match(/^(\d{4})-(\d{1,2})$/);
  if (iso) return `${iso[2].padStart(2, "0")} / ${iso[1].slice(2)}`;
  let [, month, rest] = text.match(/^\s*(\d{0,2})[\s/.-]*(.*)$/);
  if (month.length === 1 && (/^[2-9]/.test(month) || /[/.-]/.test(text))) month = `0${month}`;
  const year = rest.replace(/\D/g, "").slice(0, 4);
  if (year || /\d\s*[/.-]/.test(text)) return `${month} / ${year}`;
  return month;
}

/* Checking. */

function passesLuhn(text) {
  const sum = [...text].reverse().reduce((total, digit, place) => {
    const value = place % 2 ? 2 * digit : Number(digit);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

function lastMonth() {
  const match = expiry.value.match(/^(0[1-9]|1[0-2]) \/ (\d\d|20\d\d)$/);
  return match && { month: Number(match[1]), year: 2000 + (Number(match[2]) % 100) };
}

function hasExpired({ month, year }) {
  const today = new Date();
  return year * 12 + month < today.getFullYear() * 12 + today.getMonth() + 1;
}

const problemOf = {
  number() {
    const plain = digits(number);
    if (!plain) return say.sayNumberMissing;
    if (plain.length < 13 || !passesLuhn(plain)) return say.sayNumberWrong;
    return card() ? "" : say.sayNotATestCard;
  },
  expiry() {
    if (!expiry.value.trim()) return say.sayExpiryMissing;
    const last = lastMonth();
    if (!last) return say.sayExpiryWrong;
    return hasExpired(last) ? say.sayExpired : "";
  },
  cvc() {
    const count = card()?.cvc ?? 3;
    if (!digits(cvc)) return say.sayCvcMissing;
    return digits(cvc).length === count ? "" : say.sayCvcWrong.replace("{count}", count);
  },
};

const problems = new Map();

function check(input) {
  const problem = problemOf[input.name]();
  if (problem) problems.set(input.name, problem);
  else problems.delete(input.name);
  input.setAttribute("aria-invalid", String(Boolean(problem)));
  errors.textContent = ["number", "expiry", "cvc"].map((name) => problems.get(name)).filter(Boolean).join(" ");
}

for (const input of [number, expiry, cvc]) {
  input.addEventListener("blur", () => input.value && check(input));
  input.addEventListener("input", (event) => {
    // Deleting backwards over the separator must not bring it back at once.
    if (!event.inputType?.startsWith("delete")) reshape(input, { number: groups, expiry: date, cvc: (text) => text.replace(/\D/g, "") }[input.name]);
    if (problems.has(input.name)) check(input);
  });
}

/* Talking with the page around. */

function tokenize() {
  for (const input of [number, expiry, cvc]) check(input);
  if (problems.size) {
    tell("invalid");
    return;
  }
  const { slug, brand, last4 } = card();
  const { month, year } = lastMonth();
  const two = (n) => String(n % 100).padStart(2, "0");
  tell("token", { alias: `sbx_card_${slug}_${two(month)}${two(year)}`, brand, last4, month, year });
}

function dress({ look, accent, control, round }) {
  const root = document.documentElement;
  root.dataset.look = look;
  for (const [name, value] of Object.entries({ accent, control, round })) if (value) root.style.setProperty(`--${name}`, value);
}

const asked = {
  tokenize,
  dress,
  able: ({ able }) => [number, expiry, cvc].forEach((input) => (input.disabled = !able)),
  focus({ tries = 0 }) {
    ([number, expiry, cvc].find((input) => problems.has(input.name)) ?? number).focus();
    // Which frame has the focus is settled between processes, and the page's own button may win: then it is asked again.
    if (tries < 5) setTimeout(() => document.hasFocus() || tell("astray", { tries: tries + 1 }), 100);
  },
};

addEventListener("message", (event) => {
  if (event.source !== parent || event.origin !== HOME) return;
  asked[event.data?.cardField]?.(event.data);
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  tell("enter");
});

new ResizeObserver(() => tell("size", { height: Math.ceil(form.getBoundingClientRect().height) })).observe(form);
tell("ready");
