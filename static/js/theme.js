// [data-theme-form]: the colours change at once; the cookie for the server follows.

import { say } from "./announce.js";

function paint(theme) {
  if (theme) document.documentElement.dataset.bsTheme = theme;
  else delete document.documentElement.dataset.bsTheme;
}

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!event.target.matches("[data-theme-form]") || !button) return;
  event.preventDefault();
  paint(button.value);
  for (const other of event.target.querySelectorAll("[name=theme]"))
    other.setAttribute("aria-pressed", other === button);
  say(button.textContent.trim());
  const body = new FormData(event.target, button);
  fetch(event.target.action, { method: "POST", body, redirect: "manual", keepalive: true }); // though the page is left
});
