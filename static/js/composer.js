// The composer: its message grows with the text, Enter sends, Escape stops; [data-fills] puts an example into it.

import { isOfInputMethod } from "./input-method.js";

const GROWING = "[data-stream] textarea, textarea[data-grows]";
const COARSE = matchMedia("(pointer: coarse)"); // on a phone Enter breaks the line, and a thumb presses Send

const formOf = (element) => element.closest("form[data-stream]") ?? document.querySelector("form[data-stream]");

function grow(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + area.offsetHeight - area.clientHeight}px`;
}

function growIn(root) {
  for (const area of root.querySelectorAll?.(GROWING) ?? []) grow(area);
}

function sayNothingOfEnter() {
  for (const area of document.querySelectorAll("#playground-box textarea"))
    area.placeholder = area.labels[0].textContent;
}

function send(area) {
  const form = area.form;
  const button = area
    .closest("[data-stream], .ps-edit")
    .querySelector("button.ps-send, button[formaction]:not([data-code])");
  if (!form.classList.contains("is-streaming")) form.requestSubmit(button);
}

document.addEventListener("keydown", (event) => {
  const area = event.target;
  if (event.key !== "Enter" || event.shiftKey || isOfInputMethod(event) || COARSE.matches) return;
  if (!area.matches(GROWING)) return;
  event.preventDefault();
  send(area);
});

// While capturing: what Escape closes is still open then.
document.addEventListener(
  "keydown",
  (event) => {
    if (event.key !== "Escape" || isOfInputMethod(event)) return;
    if (document.querySelector("dialog[open], .ps-menu[open], .ps-ways[open], [data-picker][open]")) return;
    formOf(event.target)?.querySelector("[data-stop]")?.click();
  },
  true,
);

// On a phone the composer is one row until somebody writes, and stays unfolded for what is tapped in it then: a label
// takes the focus away from the message before it is clicked.
document.addEventListener("pointerdown", (event) => {
  for (const form of document.querySelectorAll("form[data-stream]")) {
    const isUnfolded = form.matches(":focus-within, .is-used");
    form.classList.toggle("is-used", isUnfolded && form.contains(event.target));
  }
});

document.addEventListener("click", (event) => {
  const example = event.target.closest("[data-fills]");
  if (!example) return;
  const area = document.querySelector(example.dataset.fills);
  area.value = example.textContent.trim();
  area.dispatchEvent(new Event("input", { bubbles: true }));
  area.focus();
});

// Who comes to write can write at once; where the keyboard would come up, and where something else waits, nothing moves.
const box = document.querySelector("#playground-box textarea");
if (box && !COARSE.matches && !location.hash && document.activeElement === document.body)
  box.focus({ preventScroll: true });

if (!CSS.supports("field-sizing", "content")) {
  document.addEventListener("input", (event) => {
    if (event.target.matches(GROWING)) grow(event.target);
  });
  document.addEventListener("htmx:after:settle", (event) => {
    for (const node of event.detail.newContent) growIn(node);
  });
  growIn(document);
}

if (COARSE.matches) {
  document.addEventListener("htmx:after:settle", sayNothingOfEnter);
  sayNothingOfEnter();
}
