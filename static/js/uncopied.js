// [data-shown-once]: leaving the page before copying it asks for a confirmation, once; a link with [data-has-copied] skips it.

let settled = ""; // the text that was copied, or that the person was asked about

const shown = () => document.querySelector("[data-shown-once]");

function settle() {
  settled = shown()?.textContent ?? "";
}

document.addEventListener("portal:copied", (event) => {
  if (event.target === shown()) settle();
});

document.addEventListener("copy", () => {
  if (shown() && String(getSelection()).includes(shown().textContent)) settle();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-has-copied]")) settle();
});

window.addEventListener("beforeunload", (event) => {
  if (!shown() || shown().textContent === settled) return;
  settle();
  event.preventDefault();
});
