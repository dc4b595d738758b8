// [data-again] at the composer: what was refused, or did not arrive, is sent once more, by the button that sent it.

let last = null;

document.addEventListener("submit", (event) => {
  if (event.target.matches("form[data-stream]") && !event.submitter?.matches("[data-again]")) last = event.submitter;
});

document.addEventListener("click", (event) => {
  const again = event.target.closest("[data-again]");
  if (!again?.form) return;
  event.preventDefault();
  again.form.requestSubmit(last?.isConnected && last.form === again.form ? last : null);
});
