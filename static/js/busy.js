// button[data-busy]: while its form is being sent it keeps its width, says what it does, and ignores a second click.

const kept = new WeakMap(); // form -> its button and what stood in it

function start(form, button) {
  kept.set(form, { button, nodes: [...button.childNodes] });
  const spinner = document.createElement("span");
  spinner.className = "spinner-border spinner-border-sm";
  spinner.ariaHidden = "true";
  button.style.minWidth = `${button.offsetWidth}px`;
  button.ariaBusy = "true";
  button.replaceChildren(spinner, button.dataset.busy);
}

function stop(form) {
  const { button, nodes } = kept.get(form);
  kept.delete(form);
  button.replaceChildren(...nodes);
  button.removeAttribute("aria-busy");
  button.style.minWidth = "";
}

// While capturing: a second submit must not reach htmx, which would queue it.
document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    const button = event.submitter ?? form.querySelector("button[data-busy]");
    if (kept.has(form)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    } else if (button?.dataset.busy && !form.target) start(form, button);
  },
  true,
);

document.addEventListener("htmx:finally:request", (event) => {
  const form = event.detail.ctx.sourceElement.closest("form");
  if (form && kept.has(form)) stop(form);
});

// A page that comes back out of the browser's memory has nothing on the way.
window.addEventListener("pageshow", () => {
  for (const form of document.forms) if (kept.has(form)) stop(form);
});
