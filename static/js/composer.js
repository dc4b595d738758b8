// The composer: its message grows with the text, Enter sends, Escape stops; [data-fills] puts an example into it.

const COARSE = matchMedia("(pointer: coarse)"); // on a phone Enter breaks the line, and a thumb presses Send

const formOf = (element) => element.closest("form[data-stream]") ?? document.querySelector("form[data-stream]");

function grow(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + area.offsetHeight - area.clientHeight}px`;
}

function growAll() {
  for (const area of document.querySelectorAll("[data-stream] textarea, textarea[data-grows]")) grow(area);
}

function send(area) {
  const form = area.form;
  const button = area
    .closest("[data-stream], .ps-edit")
    .querySelector("button.ps-send, button[formaction]:not([data-code])");
  if (!form.classList.contains("htmx-request")) form.requestSubmit(button);
}

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-stream] textarea, textarea[data-grows]")) grow(event.target);
});

document.addEventListener("keydown", (event) => {
  const area = event.target;
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || COARSE.matches) return;
  if (!area.matches("[data-stream] textarea, textarea[data-grows]")) return;
  event.preventDefault();
  send(area);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open], .ps-menu[open]"))
    return;
  formOf(event.target)?.querySelector("[data-stop]")?.click();
});

document.addEventListener("click", (event) => {
  const example = event.target.closest("[data-fills]");
  if (!example) return;
  const area = document.querySelector(example.dataset.fills);
  area.value = example.textContent.trim();
  grow(area);
  area.focus();
});

document.addEventListener("htmx:after:settle", growAll);
growAll();
