// In an empty composer the arrow up edits the last message; Escape cancels an edit.

import { isOfInputMethod } from "./input-method.js";

document.addEventListener("keydown", (event) => {
  if (isOfInputMethod(event)) return;
  const { target } = event;
  if (event.key === "ArrowUp" && target.matches("#playground-box textarea") && !target.value) {
    const edit = [...document.querySelectorAll("#playground-turns [data-edits]")].at(-1);
    if (!edit || document.querySelector(".is-streaming")) return;
    event.preventDefault();
    edit.click();
  }
  if (event.key === "Escape" && !document.querySelector(".is-streaming"))
    target.closest?.(".ps-edit")?.querySelector("a[href]")?.click();
});
