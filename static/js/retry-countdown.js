// [data-until]: the seconds until that time, updated each second; then the text becomes [data-now], and the button
// with the id [data-frees] is enabled.

import { say } from "./announce.js";

const SECOND_MS = 1000;

function left(seconds) {
  const minutes = Math.floor(seconds / 60);
  return minutes ? `${minutes}\u00a0min ${seconds % 60}\u00a0s` : `${seconds}\u00a0s`;
}

function tell(clock) {
  const seconds = Math.ceil((new Date(clock.dataset.until) - Date.now()) / SECOND_MS);
  const button = document.getElementById(clock.dataset.frees);
  if (button) button.disabled = seconds > 0;
  if (seconds > 0) {
    clock.textContent = left(seconds);
    return;
  }
  if ("waited" in clock.dataset) say(clock.dataset.now);
  clock.parentElement.textContent = clock.dataset.now;
}

function tellAll() {
  for (const clock of document.querySelectorAll("[data-until]")) {
    tell(clock);
    clock.dataset.waited = "";
  }
}

setInterval(tellAll, SECOND_MS);
document.addEventListener("htmx:after:settle", tellAll);
tellAll();
