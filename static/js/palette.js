// [data-palette="list"]: a search whose matches are chosen by arrow keys and Enter, while the focus stays in it. Without
// JavaScript they are links.

const OPTION = "a[href]";
const search = () => document.querySelector("[data-palette]");
const list = () => document.querySelector(search()?.dataset.palette);
const options = () => [...list().querySelectorAll(OPTION)];
const active = () => list().querySelector("[aria-selected=true]");

function choose(option) {
  active()?.setAttribute("aria-selected", "false");
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  if (option) search().setAttribute("aria-activedescendant", option.id);
  else search().removeAttribute("aria-activedescendant");
}

function prepare() {
  const input = search();
  const found = list();
  if (!input || !found) return;
  for (const [name, value] of Object.entries({
    role: "combobox",
    "aria-expanded": "true",
    "aria-autocomplete": "list",
  }))
    input.setAttribute(name, value);
  input.setAttribute("aria-controls", found.id);
  if (!options().length) return;
  found.setAttribute("role", "listbox");
  for (const group of found.querySelectorAll("section")) group.setAttribute("role", "group");
  for (const heading of found.querySelectorAll("h2")) heading.setAttribute("role", "presentation");
  for (const [number, option] of options().entries()) {
    option.id = `palette-${number}`;
    option.setAttribute("role", "option");
    option.tabIndex = -1;
  }
  choose(options()[0]);
}

document.addEventListener("htmx:after:swap", prepare);
prepare();

const STEPS = { ArrowDown: 1, ArrowUp: -1 };

document.addEventListener("keydown", (event) => {
  if (event.target !== search() || event.isComposing || !list()) return;
  const all = options();
  if (event.key in STEPS) choose(all[(all.indexOf(active()) + STEPS[event.key] + all.length) % all.length]);
  else if (event.key === "Enter" && active()) active().click();
  else return;
  event.preventDefault();
});
