// After an action on a [data-row] the focus goes to that row's name, or to the next row's if the row is gone,
// unless the new content asks for the focus itself (autofocus).

let wanted = []; // ids of rows, best first

const rowOf = (element) => {
  const named = element.closest("[data-of-row]");
  return named ? document.getElementById(named.dataset.ofRow) : element.closest("[data-row]");
};

document.addEventListener("htmx:before:request", (event) => {
  const row = rowOf(event.detail.ctx.sourceElement);
  const rows = [...document.querySelectorAll("[data-row]")];
  const at = rows.indexOf(row);
  wanted = row ? [row, rows[at + 1], rows[at - 1]].filter(Boolean).map((each) => each.id) : [];
});

document.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx.target instanceof HTMLDialogElement) return; // the dialog takes the focus
  if (document.activeElement && document.activeElement !== document.body) return;
  const row = wanted.map((id) => document.getElementById(id)).find(Boolean);
  row?.querySelector("[data-row-name]")?.focus();
});
