// When the portal cannot be reached, the page says so: next to the submitted form, if it has a place for
// that ([data-trouble]), otherwise at the top of the window. The content of the page stays.

import { say } from "./announce.js";

const note = document.getElementById("trouble");
const home = note.parentElement;

document.addEventListener("htmx:error", (event) => {
  const place = event.target.closest?.("form")?.querySelector("[data-trouble]");
  if (place) place.replaceChildren(note);
  note.querySelector("[data-again]").hidden = !note.closest("form[data-stream]");
  note.hidden = false;
  say(note.textContent.trim());
});

document.addEventListener("htmx:after:request", () => {
  note.hidden = true;
  if (note.parentElement !== home) home.prepend(note);
});
