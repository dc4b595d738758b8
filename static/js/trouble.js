// When the portal itself cannot be reached, the page says so; what stands on it stays.

import { say } from "./say.js";

document.addEventListener("htmx:error", () => {
  const note = document.getElementById("trouble");
  note.hidden = false;
  say(note.textContent.trim());
});

document.addEventListener("htmx:after:request", () => {
  document.getElementById("trouble").hidden = true;
});
