// [data-preset]: copies a link that opens the Playground with the present model, system prompt and parameters.

import { say } from "./announce.js";

const SHOWN_MS = 2000;
const OWN = ["metadata", "name", "payer"]; // of the person, not of the setup

function addressOf(link) {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(document.getElementById("playground-form"))) {
    const field = document.querySelector(`#playground-parameters [name="${CSS.escape(name)}"]`);
    if (field && value && !OWN.includes(name)) query.append(name, value);
  }
  return `${new URL(link.dataset.preset, location)}?${query}`;
}

async function copy(link) {
  link.href = addressOf(link);
  link.dataset.words ??= link.textContent;
  try {
    await navigator.clipboard.writeText(link.href);
    link.textContent = link.dataset.copied;
  } catch {
    link.textContent = link.dataset.failed; // the address is in the link by now
  }
  say(link.textContent);
  setTimeout(() => {
    link.textContent = link.dataset.words;
  }, SHOWN_MS);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-preset]");
  if (!link) return;
  event.preventDefault();
  copy(link);
});
