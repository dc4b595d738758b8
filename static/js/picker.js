// [data-picker]: a folded list of choices with a search. Arrow keys move, Enter and Escape fold it.

import { isOfInputMethod } from "./input-method.js";

const SHOWN = "[data-words]:not([hidden]) input:enabled"; // payer.js disables models that nobody pays for
const wide = matchMedia("(min-width: 1200px)");
const pickerOf = (element) => element.closest?.("details[data-picker]");

function fold(picker) {
  picker.open = false;
  picker.querySelector("summary").focus();
}

// Whether a choice is shown between this title and the next one.
function hasShown(title) {
  for (let next = title.nextElementSibling; next?.matches("[data-words]"); next = next.nextElementSibling) {
    if (!next.hidden) return true;
  }
  return false;
}

// In the narrow panel of a wide window the list is drawn over the page, so that each model has one line.
function place(picker) {
  const list = picker.querySelector(".ps-pick-list");
  const isWide = wide.matches && Boolean(picker.closest(".ps-side"));
  list.classList.toggle("is-wide", isWide);
  const { bottom, right } = picker.querySelector("summary").getBoundingClientRect();
  list.style.top = isWide ? `${bottom}px` : "";
  list.style.right = isWide ? `${document.documentElement.clientWidth - right}px` : "";
}

function filter(picker, asked) {
  const choices = [...picker.querySelectorAll("[data-words]")];
  const words = asked.trim().toLowerCase().split(/\s+/);
  for (const choice of choices) choice.hidden = !words.every((word) => choice.dataset.words.includes(word));
  for (const title of picker.querySelectorAll(".ps-pick-title")) title.hidden = !hasShown(title);
  const status = picker.querySelector("[data-none]");
  status.textContent = choices.some((choice) => !choice.hidden) ? "" : status.dataset.none;
}

function tell(picker, radio) {
  for (const shown of document.querySelectorAll("[data-picked], [data-model-name]")) shown.textContent = radio.value;
  const facts = picker.parentElement.querySelector("[data-facts]");
  facts?.replaceChildren(radio.parentElement.querySelector(".unit").cloneNode(true));
}

function open(picker) {
  place(picker);
  const search = picker.querySelector("[data-finds]");
  search.value = "";
  filter(picker, "");
  search.focus();
  picker.querySelector(":checked")?.parentElement.scrollIntoView({ block: "nearest" });
}

function enter(picker, target) {
  const shown = [...picker.querySelectorAll(SHOWN)];
  const first = shown.find((radio) => radio.checked) ?? shown[0];
  const chosen = target.matches("[data-finds]") ? first : target;
  if (chosen && !chosen.checked) chosen.click();
  fold(picker);
}

function step(picker) {
  const shown = [...picker.querySelectorAll(SHOWN)];
  const radio = shown.find((each) => each.checked) ?? shown[0];
  if (!radio) return;
  if (!radio.checked) radio.click();
  radio.focus();
}

document.addEventListener(
  "toggle",
  (event) => {
    if (event.target.matches("details[data-picker]") && event.target.open) open(event.target);
  },
  true,
);

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-finds]")) filter(pickerOf(event.target), event.target.value);
});

document.addEventListener("change", (event) => {
  const picker = pickerOf(event.target);
  if (picker && event.target.type === "radio") tell(picker, event.target);
});

document.addEventListener("keydown", (event) => {
  const picker = pickerOf(event.target);
  if (!picker?.open || event.target.matches("summary") || isOfInputMethod(event)) return;
  if (event.key === "Escape") fold(picker);
  else if (event.key === "Enter") enter(picker, event.target);
  else if (event.key === "ArrowDown" && event.target.matches("[data-finds]")) step(picker);
  else return;
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  for (const picker of document.querySelectorAll("details[data-picker][open]")) {
    if (!picker.contains(event.target)) picker.open = false;
    else if (event.detail && event.target.closest("[data-words]")) fold(picker);
  }
});

// It would not follow what it belongs to.
function foldPlaced() {
  for (const list of document.querySelectorAll("details[data-picker][open] > .is-wide"))
    list.parentElement.open = false;
}
document.addEventListener("scroll", (event) => event.target.closest?.(".ps-pick-list") || foldPlaced(), true);
addEventListener("resize", foldPlaced);
