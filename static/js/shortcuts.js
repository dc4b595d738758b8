// [data-shortcut="mod+k"]: a link that this key follows, too; mod is Ctrl, or Command on a Mac. A single letter or sign
// is no shortcut while somebody types, and none works while a dialog is open.

import { isOfInputMethod } from "./input-method.js";

const WRITABLE = "input, textarea, select, [contenteditable]";

function nameOf(event) {
  const names = [];
  if (event.ctrlKey || event.metaKey) names.push("mod");
  if (event.shiftKey && event.key.length === 1 && /\p{L}/u.test(event.key)) names.push("shift");
  return [...names, event.key.toLowerCase()].join("+");
}

document.addEventListener("keydown", (event) => {
  if (isOfInputMethod(event) || event.altKey || document.querySelector("dialog[open]")) return;
  const name = nameOf(event);
  if (!name.includes("+") && event.target.closest(WRITABLE)) return;
  const link = document.querySelector(`[data-shortcut="${CSS.escape(name)}"]`);
  if (!link) return;
  event.preventDefault();
  link.click();
});
