// details[data-wide-open] are open next to the chat on a wide screen and folded on a narrow one. A link to a field
// inside of a folded one unfolds it, and so does the model's chip in the composer.

const wide = matchMedia("(min-width: 1200px)");

function unfold() {
  for (const panel of document.querySelectorAll("[data-wide-open]")) panel.open = wide.matches;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest('#playground-refused a[href^="#"]');
  const field = link && document.getElementById(link.hash.slice(1));
  for (let fold = field?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
});

document.addEventListener("click", (event) => {
  const panel = event.target.closest(".ps-model-chip") && document.getElementById("playground-parameters");
  if (!panel) return;
  event.preventDefault();
  panel.closest("details").open = true;
  panel.scrollIntoView();
  panel.querySelector("[data-picker] summary").click();
});

wide.addEventListener("change", unfold);
if (wide.matches) unfold();
