// <details class="ps-menu">, and the ways to try a model: one open at a time, closed by a choice, a click elsewhere and Escape.

const openMenus = () => document.querySelectorAll(".ps-menu[open], .ps-ways[open]");

// What a choice opens gives the focus back to where it was: to the menu's summary, which is still to be seen.
function close(menu) {
  menu.querySelector("summary").focus();
  menu.open = false;
}

document.addEventListener("click", (event) => {
  for (const menu of openMenus()) {
    if (!menu.contains(event.target)) menu.open = false;
    else if (event.target.closest(".dropdown-item")) close(menu);
  }
});

document.addEventListener("focusin", (event) => {
  for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of openMenus()) close(menu);
});
