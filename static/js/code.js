// button[data-code="dialog"]: shows the form's request as code in that dialog; without JavaScript the form goes there.

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-code]");
  if (!button) return;
  event.preventDefault();
  htmx.ajax("POST", button.getAttribute("formaction"), {
    source: button,
    target: button.dataset.code,
    swap: "innerHTML",
  });
});
