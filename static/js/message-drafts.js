// What is typed in the Playground is kept in this browser, for each person and conversation, until it is sent: over
// reloads, closed tabs, sign-ins and errors. It is removed when somebody signs out or another person signs in (drafts.js).

import { DRAFTS } from "./drafts.js";

const KEPT_DAYS = 30;
const DAY_MS = 86_400_000;
const sending = new WeakMap(); // request -> the texts that are sent with it, by the keys of their drafts
const restored = new WeakSet(); // fields that have got their drafts: what another tab keeps later is not put into them

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
  for (const field of fields().filter((each) => !restored.has(each))) {
    restored.add(field);
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
  const isSent = (field) => ctx.request.body.getAll(field.name).includes(field.value);
  const sent = fields().filter((field) => field.form === event.target && isSent(field));
  sending.set(ctx, new Map(sent.map((field) => [keyOf(field), field.value])));
});

document.addEventListener("htmx:after:request", (event) => {
  const { ctx } = event.detail;
  if (!sending.has(ctx) || !ctx.response.raw.ok || ctx.response.raw.redirected) return;
  for (const [key, text] of sending.get(ctx)) if (read(key)?.text === text) localStorage.removeItem(key); // else another tab's
});

document.addEventListener("htmx:after:settle", restore);

try {
  removeOld();
} catch {
  // storage that is forbidden
}
restore();
