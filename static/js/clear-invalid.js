// A refused parameter is no longer marked as invalid once it is changed.

document.addEventListener("input", (event) => {
  const changed = document.getElementById(event.target.dataset?.slides) ?? event.target;
  if (!changed.matches("#playground-parameters .is-invalid")) return;
  changed.classList.remove("is-invalid");
  changed.removeAttribute("aria-invalid");
  for (const fault of changed.parentElement.querySelectorAll(".form-hint.is-bad")) fault.remove();
});
