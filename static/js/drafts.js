// Typed text survives a sign-in: when a page is replaced by one (the session has expired) or by an error, the texts
// in its fields are kept for this tab, this page and this person, and restored when the page comes back.

const FIELDS = "main textarea, main input:not([type]), main input[type=text]";
const portal = document.body.dataset.portal; // its path: other portals of this host use the same storage
const KEY = `passerelle-draft:${portal}`;
const DELETED = `passerelle-deleted:${portal}`; // the conversation whose deletion was asked for
export const DRAFTS = `passerelle-drafts:${portal}:`; // of messages, with person and conversation: message-drafts.js

const nameOf = (field) => (field.id ? `#${CSS.escape(field.id)}` : `[name="${CSS.escape(field.name)}"]`);
const isTyped = (field) => !field.readOnly && field.value.trim() && field.value !== field.defaultValue;
const owner = () => document.body.dataset.person;

export function keepDraft() {
  const typed = [...document.querySelectorAll(FIELDS)].filter(isTyped).map((field) => [nameOf(field), field.value]);
  if (!typed.length || !owner()) return;
  const draft = { owner: owner(), page: location.pathname, typed };
  try {
    sessionStorage.setItem(KEY, JSON.stringify(draft));
  } catch {
    // no room, or a browser that keeps nothing: as if there were no script
  }
}

function bringBack() {
  const draft = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  if (!draft || !owner()) return; // the sign-in page: it waits
  if (draft.owner !== owner()) sessionStorage.removeItem(KEY); // somebody else sits there now
  if (draft.owner !== owner() || draft.page !== location.pathname) return;
  sessionStorage.removeItem(KEY);
  for (const [name, text] of draft.typed) {
    const field = document.querySelector(`main ${name}`);
    if (!field || field.value !== field.defaultValue) continue;
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

// Removes the drafts of messages, except those of this person.
function removeDrafts(except) {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(DRAFTS));
    for (const key of keys) if (!except || !key.startsWith(`${DRAFTS}${except}:`)) localStorage.removeItem(key);
  } catch {
    // storage that is forbidden
  }
}

// Removes the drafts of a deleted conversation, on the page after its deletion; not if its form comes again.
function removeDeleted() {
  const id = sessionStorage.getItem(DELETED);
  sessionStorage.removeItem(DELETED);
  if (!id || document.querySelector("[data-deletes]")) return;
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(DRAFTS) && key.includes(`:${id}:`));
  for (const key of keys) localStorage.removeItem(key);
}

document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-signs-out]")) removeDrafts();
  try {
    if (event.target.matches("[data-deletes]")) sessionStorage.setItem(DELETED, event.target.dataset.deletes);
  } catch {
    // storage that is forbidden
  }
});

if (owner()) removeDrafts(owner());
try {
  removeDeleted();
  bringBack();
} catch {
  // storage that is forbidden or not ours
}
