// Where a window is too narrow for columns side by side, the models of a comparison are tabs. A tab has the columns of
// its model under every question; which one is chosen stays while columns are replaced. A tab is marked while the last
// answer of its model is one that failed.

import { select, tabsOf } from "./tabs.js";

const narrow = matchMedia("screen and (max-width: 767px)");
let chosen = null; // the model

function connect(tab) {
  const columns = [...document.querySelectorAll(`.ps-column[data-tab="${tab.id}"]`)];
  tab.setAttribute("aria-controls", columns.map((column) => column.id).join(" "));
  tab.querySelector(".ps-tab-failed")?.remove();
  if (columns.at(-1)?.querySelector(".ps-column-head .ps-state.is-bad")) {
    tab.append(tab.parentElement.querySelector("template").content.cloneNode(true));
  }
  for (const column of columns) {
    if (narrow.matches) column.setAttribute("role", "tabpanel");
    else column.removeAttribute("role");
  }
}

function show() {
  const list = document.querySelector(".ps-vs-tabs");
  if (!list) return;
  const tabs = tabsOf(list);
  for (const tab of tabs) connect(tab);
  select(tabs.find((tab) => tab.dataset.choice === chosen) ?? tabs[0]);
}

function note() {
  chosen = document.querySelector(".ps-vs-tabs [aria-selected=true]")?.dataset.choice ?? chosen;
}

// At once, after tabs.js, which is imported and so listens first: a stream may replace a column before the next task.
document.addEventListener("click", note);
document.addEventListener("keydown", note);
document.addEventListener("htmx:after:settle", show);
narrow.addEventListener("change", show);
show();
