// What every page can do beyond plain HTML: dialogs, copying, buttons that cannot be pressed twice, toasts, times.
// Everything listens on the document, so swapped-in fragments need no set-up.

const say = document.body.dataset;

/* Dialogs. Links carry the address of the same action as a page; here they open it in place. */

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog-open]");
  const dialog = opener && document.getElementById(opener.dataset.dialogOpen);
  if (dialog && !modified(event)) {
    event.preventDefault();
    opener.closest("[popover]")?.hidePopover();
    dialog.showModal();
  }
  const closer = event.target.closest("dialog[open] [data-dialog-close]");
  if (closer) {
    event.preventDefault();
    closer.closest("dialog").close();
  }
});

document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  const dialog = document.getElementById("dialog");
  if (dialog && (ctx.target === dialog || ctx.target === "#dialog") && dialog.innerHTML.trim() && !dialog.open) dialog.showModal();
  openAtOnce();
  keepFocus();
});

// A form in the shared dialog that was accepted has done its work: its answer went to the panels behind.
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  const posted = ctx.request.method === "POST" && ctx.sourceElement.closest("#dialog");
  if (posted && ctx.response.status < 400) document.getElementById("dialog").close();
});

function openAtOnce() {
  document.querySelectorAll("dialog[data-open-at-once]:not([open])").forEach((dialog) => dialog.showModal());
}

// A swap that took the focused element away leaves focus at the panel's heading or its error summary.
function keepFocus() {
  if (document.activeElement !== document.body || !lastPanel) return;
  const panel = document.getElementById(lastPanel);
  (panel?.querySelector("[data-error-summary]") ?? panel?.querySelector("h2[tabindex]"))?.focus({ preventScroll: true });
}

let lastPanel = null;
document.addEventListener("focusin", (event) => {
  lastPanel = event.target.closest("section.panel[id]")?.id ?? lastPanel;
});

/* Buttons show their own progress and cannot be pressed twice. */

document.addEventListener("click", (event) => {
  const button = event.target.closest("[aria-disabled=true], [aria-busy=true]");
  if (button) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}, true);

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.busy) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  if (event.defaultPrevented || form.method !== "post" || form.matches("[hx-post]")) return;
  if (event.submitter?.formTarget) return; // its answer goes into a frame; the page stays
  form.dataset.busy = "yes";
  busy(event.submitter, true);
});

addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  document.querySelectorAll("form[data-busy]").forEach((form) => delete form.dataset.busy);
  document.querySelectorAll("[aria-busy=true]").forEach((button) => busy(button, false));
});

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => busy(pressed(ctx), true));
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  if (!ctx.hx?.redirect) busy(pressed(ctx), false);
});

function pressed(ctx) {
  const source = ctx.sourceElement;
  return ctx.request.submitter ?? (source.matches("form") ? source.querySelector("button:not([type=button])") : source);
}

function busy(button, on) {
  if (!button?.matches?.("button, a.button")) return;
  if (on) button.setAttribute("aria-busy", "true");
  else button.removeAttribute("aria-busy");
}

/* Toasts: from the page, from a fragment (<hx-partial>), or from the HX-Trigger event "toast". */

export function toast(text, tone = "info") {
  const place = document.getElementById("toasts");
  const box = document.createElement("div");
  const words = document.createElement("p");
  const close = document.createElement("button");
  box.className = `toast tone-${tone}`;
  words.textContent = text;
  close.type = "button";
  close.textContent = "×";
  close.dataset.dismiss = "";
  close.setAttribute("aria-label", say.sayDismiss);
  box.append(words, close);
  place.append(box);
}

document.addEventListener("toast", (event) => toast(event.detail.text ?? event.detail.value, event.detail.tone));
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-dismiss]")) event.target.closest(".toast")?.remove();
});

// A toast leaves by itself, unless it is being read: bad news stay until dismissed.
setInterval(() => {
  for (const box of document.querySelectorAll(".toast:not(.tone-bad)")) {
    if (box.matches(":hover, :focus-within")) continue;
    box.dataset.seconds = Number(box.dataset.seconds ?? 0) + 1;
    if (box.dataset.seconds > 6) box.remove();
  }
}, 1000);

document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  if (ctx.response.status >= 500 && !ctx.text.includes("<hx-partial")) toast(say.sayFailed, "bad");
});
document.addEventListener("htmx:error", ({ detail: { ctx, error } }) => {
  if (error instanceof TypeError && !ctx?.response) toast(say.sayOffline, "bad");
});

/* Copying a number. */

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.dataset.copied = "";
  toast(`${say.sayCopied}: ${button.dataset.copy}`, "ok");
  setTimeout(() => delete button.dataset.copied, 1500);
});

/* Relative times grow older while the page is open. */

const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always" });

setInterval(() => {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const minutes = Math.round((Date.parse(time.dateTime) - Date.now()) / 60000);
    if (minutes > -1 || minutes < -12 * 60) continue;
    time.textContent = minutes > -60 ? relative.format(minutes, "minute") : relative.format(Math.round(minutes / 60), "hour");
  }
}, 60000);

/* Menus: arrows walk the items, a choice closes the menu. */

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest("[data-menu]");
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!menu || !step) return;
  const items = [...menu.querySelectorAll(".menu-item")];
  event.preventDefault();
  items.at((items.indexOf(document.activeElement) + step) % items.length)?.focus();
});

document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("[data-menu]") && event.newState === "open") event.target.querySelector(".menu-item")?.focus({ focusVisible: false });
}, true);

document.addEventListener("click", (event) => {
  const item = event.target.closest("[data-menu] .menu-item:not([aria-disabled])");
  if (item) setTimeout(() => item.closest("[popover]")?.hidePopover());
});

/* A file may be dropped on its field. */

for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const drop = event.target.closest?.("[data-file-drop]");
    if (!drop) return;
    event.preventDefault();
    drop.toggleAttribute("data-over", kind === "dragover");
    if (kind === "drop") drop.querySelector("input[type=file]").files = event.dataTransfer.files;
  });
}

function modified(event) {
  return event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0;
}

openAtOnce();
document.querySelector("[data-error-summary]")?.focus({ preventScroll: false });
if (document.querySelector("[data-session-end]")) sessionStorage.setItem("session-ended", "yes");
