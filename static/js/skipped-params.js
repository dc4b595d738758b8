// [data-left-out="name"]: says that a parameter is not sent, since the model refused it. The names are in the
// form's hidden field, which each stream updates.

document.addEventListener("htmx:after:settle", () => {
  const field = document.querySelector("#playground-form [name=without]");
  if (!field) return;
  const names = field.value.split(",");
  for (const hint of document.querySelectorAll("[data-left-out]")) hint.hidden = !names.includes(hint.dataset.leftOut);
});
