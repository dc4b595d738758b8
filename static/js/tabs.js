// Tabs: one stop for the Tab key; arrows, Home and End move. [data-remember] stores the choice in this browser,
// for every list of that name. A tab may have several panels. The server sends all panels; without JavaScript all are
// shown.

export const tabsOf = (list) => [...list.querySelectorAll("[role=tab]")];
const panelsOf = (tab) => (tab.getAttribute("aria-controls") ?? "").split(" ").map((id) => document.getElementById(id));

function recall(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // storage is switched off
  }
}

function remember(name, choice) {
  try {
    localStorage.setItem(name, choice);
  } catch {
    // the choice holds for this page
  }
}

export function select(tab) {
  for (const other of tabsOf(tab.closest("[role=tablist]"))) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", chosen);
    other.tabIndex = chosen ? 0 : -1;
    for (const panel of panelsOf(other)) panel?.toggleAttribute("data-behind", !chosen);
  }
}

function selectEverywhere(name, choice) {
  for (const list of document.querySelectorAll(`[role=tablist][data-remember="${name}"]`)) {
    const tab = tabsOf(list).find((candidate) => candidate.dataset.choice === choice);
    if (tab) select(tab);
  }
}

function choose(tab) {
  const name = tab.closest("[role=tablist]").dataset.remember;
  select(tab);
  if (!name) return;
  remember(name, tab.dataset.choice);
  selectEverywhere(name, tab.dataset.choice);
}

function moved(tabs, from, key) {
  const at = tabs.indexOf(from);
  if (key === "ArrowRight") return tabs[(at + 1) % tabs.length];
  if (key === "ArrowLeft") return tabs[(at - 1 + tabs.length) % tabs.length];
  if (key === "Home") return tabs[0];
  return key === "End" ? tabs.at(-1) : undefined;
}

function showRemembered() {
  const names = new Set([...document.querySelectorAll("[role=tablist][data-remember]")].map((l) => l.dataset.remember));
  for (const name of names) selectEverywhere(name, recall(name));
}

document.addEventListener("click", (event) => {
  const tab = event.target.closest("[role=tab]");
  if (tab) choose(tab);
});

document.addEventListener("keydown", (event) => {
  const tab = event.target.closest("[role=tab]");
  const next = tab && moved(tabsOf(tab.closest("[role=tablist]")), tab, event.key);
  if (!next) return;
  event.preventDefault();
  choose(next);
  next.focus();
});

document.addEventListener("htmx:after:settle", showRemembered);
showRemembered();
