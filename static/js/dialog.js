// A <dialog> filled by htmx opens; [data-closes] in it closes it, and is a link without JavaScript.

document.addEventListener("htmx:after:swap", (event) => {
  const { target } = event.detail.ctx;
  if (target instanceof HTMLDialogElement && target.isConnected && !target.open) target.showModal();
});

document.addEventListener("click", (event) => {
  const closer = event.target.closest("dialog [data-closes]");
  if (!closer) return;
  event.preventDefault();
  closer.closest("dialog").close();
});
