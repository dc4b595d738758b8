// [data-chooser]: checkboxes of which at most [data-most] may be ticked, with a search; ticked ones are shown as chips,
// and so are the own settings of each. After the first question the page has no choice any more.

import { isOfInputMethod } from "./input-method.js";

const chooser = document.querySelector("[data-chooser]");
const chips = document.querySelector("[data-chips]");

const boxes = () => [...chooser.querySelectorAll("input[type=checkbox]")];
const ticked = () => boxes().filter((box) => box.checked);

function chipOf(box) {
  const chip = chooser.querySelector("template[data-chip]").content.firstElementChild.cloneNode(true);
  const button = chip.querySelector("button");
  chip.querySelector("bdi").textContent = box.value;
  button.ariaLabel = `${button.ariaLabel} ${box.value}`;
  button.addEventListener("click", () => {
    box.checked = false;
    tell();
    (chips.querySelector("button") ?? chooser.querySelector("summary")).focus();
  });
  return chip;
}

function tell() {
  const chosen = ticked();
  const full = chosen.length >= Number(chooser.dataset.most);
  chips.replaceChildren(...chosen.map(chipOf));
  for (const box of boxes()) box.disabled = full && !box.checked;
  const names = chosen.map((box) => box.value);
  for (const own of document.querySelectorAll("[data-own]")) {
    own.toggleAttribute("data-unchosen", !names.includes(own.dataset.own));
    for (const field of own.querySelectorAll("input, textarea, select")) field.disabled = "unchosen" in own.dataset;
  }
  const line = chooser.querySelector("[data-tells]");
  line.textContent = full ? line.dataset.full : "";
}

function narrow(asked) {
  const words = asked.trim().toLowerCase().split(/\s+/);
  const choices = [...chooser.querySelectorAll("[data-words]")];
  for (const choice of choices) choice.hidden = !words.every((word) => choice.dataset.words.includes(word));
  if (choices.every((choice) => choice.hidden)) {
    const line = chooser.querySelector("[data-tells]");
    line.textContent = line.dataset.none;
  } else tell();
}

if (chooser && chips) {
  chooser.addEventListener("change", tell);
  chooser.addEventListener("input", (event) => {
    if (event.target.matches("[data-narrows]")) narrow(event.target.value);
  });
  chooser.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || isOfInputMethod(event) || !event.target.matches("[data-narrows]")) return;
    event.preventDefault(); // it finds, it does not send
    chooser.querySelector("[data-words]:not([hidden]) input:enabled")?.click();
  });
  tell();
}
