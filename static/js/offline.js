// When the portal cannot be reached, the page says so: next to the submitted form, if it has a place for
// that ([data-trouble]), otherwise at the top of the window. The content of the page stays. A proxy answers for a portal
// that is restarting with 502 or 504, and with a page of its own, or an empty one.

import { say } from "./announce.js";

const note = document.getElementById("trouble");
const home = note.parentElement;
const OF_PROXIES = [502, 504]; // the portal itself never answers so

function show(event) {
  const place = event.target.closest?.("form")?.querySelector("[data-trouble]");
  if (place) place.replaceChildren(note);
  note.querySelector("[data-again]").hidden = !note.closest("form[data-stream]");
  note.hidden = false;
  say(note.textContent.trim());
}

document.addEventListener("htmx:error", show);

document.addEventListener("htmx:after:request", (event) => {
  if (OF_PROXIES.includes(event.detail.ctx.response.raw.status)) {
    event.preventDefault();
    show(event);
    return;
  }
  note.hidden = true;
  if (note.parentElement !== home) home.prepend(note);
});
