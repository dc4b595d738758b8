// What is typed in the Playground is kept in this browser, for each person and conversation, until it is sent: over
// reloads, closed tabs, sign-ins and errors. It is removed when somebody signs out or another person signs in (drafts.js).

import { DRAFTS } from "./drafts.js";

const KEPT_DAYS = 30;
const DAY_MS = 86_400_000;
const sending = new WeakMap(); // request -> the drafts that are sent with it

const isDrafted = (field) => field.matches?.("textarea[name]:not([readonly])") && field.form?.matches("[data-stream]");
const fields = () => [...document.querySelectorAll("main textarea")].filter(isDrafted);

function keyOf(field) {
  const conversation = field.form.elements.conversation?.value || location.pathname + location.search;
  return `${DRAFTS}${document.body.dataset.person}:${conversation}:${field.id}`;
}

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null; // not ours, or storage that is forbidden
  }
}

function keep(field) {
  try {
    if (field.value === field.defaultValue) localStorage.removeItem(keyOf(field));
    else localStorage.setItem(keyOf(field), JSON.stringify({ text: field.value, at: Date.now() }));
  } catch {
    // no room, or storage that is forbidden: as if there were no script
  }
}

function restore() {
  for (const field of fields()) {
    const draft = field.value === field.defaultValue && read(keyOf(field));
    if (!draft || draft.text === field.value) continue;
    field.value = draft.text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

function removeOld() {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(DRAFTS));
  for (const key of keys) if (!(read(key)?.at > Date.now() - KEPT_DAYS * DAY_MS)) localStorage.removeItem(key);
}

document.addEventListener("input", (event) => {
  if (isDrafted(event.target)) keep(event.target);
});

document.addEventListener("htmx:before:request", (event) => {
  const { ctx } = event.detail;
  if (!event.target.matches?.("form[data-stream]")) return;
  const sent = fields().filter((field) => field.form === event.target && ctx.request.body.has(field.name));
  sending.set(ctx, sent.map(keyOf));
});

document.addEventListener("htmx:after:request", (event) => {
  const { ctx } = event.detail;
  if (!sending.has(ctx) || !ctx.response.raw.ok || ctx.response.raw.redirected) return;
  for (const key of sending.get(ctx)) localStorage.removeItem(key);
});

document.addEventListener("htmx:after:settle", restore);

try {
  removeOld();
} catch {
  // storage that is forbidden
}
restore();
