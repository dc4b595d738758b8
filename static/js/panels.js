// details[data-wide-open] are open next to the chat on a wide screen and folded on a narrow one. A link to a field
// inside of a folded one unfolds it.

const wide = matchMedia("(min-width: 1200px)");

function unfold() {
  for (const panel of document.querySelectorAll("[data-wide-open]")) panel.open = wide.matches;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest('#playground-refused a[href^="#"]');
  const field = link && document.getElementById(link.hash.slice(1));
  for (let fold = field?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
});

wide.addEventListener("change", unfold);
if (wide.matches) unfold();
