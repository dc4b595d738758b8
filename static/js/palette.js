// [data-palette="list"]: a search whose matches are chosen by arrow keys and Enter, while the focus stays in it. Without
// JavaScript they are links. An Enter that comes before the matches for the typed text takes the first of them.

import { isOfInputMethod } from "./input-method.js";

const OPTION = "a[href]";
const search = () => document.querySelector("[data-palette]");
const list = () => document.querySelector(search()?.dataset.palette);
const options = () => [...list().querySelectorAll(OPTION)];
const active = () => list().querySelector("[aria-selected=true]");

let prepared = null; // the list that has its roles; other parts of the page are swapped, too
let isEntered = false; // before the matches were there

function choose(option) {
  active()?.setAttribute("aria-selected", "false");
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  if (option) search().setAttribute("aria-activedescendant", option.id);
  else search().removeAttribute("aria-activedescendant");
}

function describeSearch(input, found) {
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", found.id);
  input.setAttribute("aria-expanded", String(options().length > 0));
}

function describeList(found) {
  found.setAttribute("role", "listbox");
  for (const group of found.querySelectorAll("section")) group.setAttribute("role", "group");
  for (const heading of found.querySelectorAll("h2")) heading.setAttribute("role", "presentation");
  for (const [number, option] of options().entries()) {
    option.id = `palette-${number}`;
    option.setAttribute("role", "option");
    option.tabIndex = -1;
  }
}

function prepare() {
  const input = search();
  const found = list();
  if (!input || !found || found === prepared) return;
  prepared = found;
  describeSearch(input, found);
  if (options().length) describeList(found);
  choose(options()[0]);
  if (isEntered) active()?.click();
  isEntered = false;
}

document.addEventListener("htmx:after:swap", prepare);
prepare();

const STEPS = { ArrowDown: 1, ArrowUp: -1 };

function enter(event) {
  isEntered = search().value.trim() !== list().dataset.q;
  if (isEntered || !active()) return; // the form is sent
  event.preventDefault();
  active().click();
}

function step(event) {
  const all = options();
  event.preventDefault();
  choose(all[(all.indexOf(active()) + STEPS[event.key] + all.length) % all.length]);
}

document.addEventListener("keydown", (event) => {
  if (event.target !== search() || isOfInputMethod(event) || !list()) return;
  if (event.key in STEPS) step(event);
  else if (event.key === "Enter") enter(event);
});
