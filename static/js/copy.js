// [data-copy="id"] copies that element's text. The button confirms it for two seconds, at the same width.

import { say } from "./announce.js";

const SHOWN_MS = 2000;
const words = new WeakMap(); // what a button said before it said "Copied"

function answer(button, text) {
  const word = button.querySelector("span");
  if (!words.has(button)) words.set(button, word.textContent);
  button.style.minWidth = `${button.offsetWidth}px`;
  word.textContent = text;
  say(text);
  setTimeout(() => {
    word.textContent = words.get(button);
    button.style.minWidth = "";
  }, SHOWN_MS);
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const text = "value" in source ? source.value : source.textContent.trim();
  try {
    await navigator.clipboard.writeText(text); // not there without https, refused without rights
    answer(button, button.dataset.copied);
    source.dispatchEvent(new Event("portal:copied", { bubbles: true }));
  } catch {
    getSelection().selectAllChildren(source.hidden ? source.parentElement : source);
    answer(button, button.dataset.selected);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});
