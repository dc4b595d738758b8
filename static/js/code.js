// button[data-code="dialog"]: what its form would send, as code, in that dialog; without a script the form goes there.

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
