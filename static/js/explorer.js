// The explorer: a click on a bar or a line is one on its entry in the legend, with Shift it selects the part. The
// swatches of the legend switch parts off and on; the pointer and arrow keys read the numbers of a bar.

import { say } from "./announce.js";

const MOVES = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
const PLOT = "[data-help] .ps-plot"; // the hours of a course have a plot, too
const plot = () => document.querySelector(PLOT);
const entries = () => [...document.querySelectorAll("#usage-legend li")];
const nameOf = (entry) => entry.querySelector("bdi")?.textContent.trim() ?? "";
const places = () => [...plot().querySelectorAll("g")];
const isOff = (entry) => entry.querySelector("[aria-pressed]")?.getAttribute("aria-pressed") === "false";

// --- Numbers of a bar ------------------------------------------------------------------------------
function linesOf(place) {
  const [title, ...lines] = place.dataset.title.split("\n");
  let rest = entries();
  const parts = lines.map((text) => {
    const at = rest.findIndex((entry) => text.startsWith(`${nameOf(entry)}: `));
    const entry = rest[at];
    rest = rest.slice(at + 1);
    return { text, entry };
  });
  return { title, parts: parts.filter(({ entry }) => !(entry && isOff(entry))) };
}

function row(text, swatch) {
  const line = document.createElement("p");
  if (swatch) line.append(swatch.cloneNode(), " ");
  line.append(text);
  return line;
}

function show(place) {
  const frame = plot().closest(".ps-plot-frame");
  const tip = frame.querySelector(".ps-tip");
  const { title, parts } = linesOf(place);
  const head = row(title);
  head.className = "ps-tip-head";
  tip.replaceChildren(head, ...parts.map(({ text, entry }) => row(text, entry?.querySelector(".ps-sw"))));
  tip.hidden = false;
  const box = frame.getBoundingClientRect();
  const bar = place.querySelector(".place").getBoundingClientRect();
  const left = bar.left - box.left + bar.width + 8;
  const fits = left + tip.offsetWidth < box.width;
  tip.style.left = `${fits ? left : Math.max(0, bar.left - box.left - tip.offsetWidth - 8)}px`;
  for (const each of places()) each.classList.toggle("is-read", each === place);
}

function hide() {
  const tip = document.querySelector(".ps-tip");
  if (!tip || tip.hidden) return;
  tip.hidden = true;
  for (const place of places()) place.classList.remove("is-read");
}

document.addEventListener("pointermove", (event) => {
  if (event.pointerType === "touch") return; // a tap reads: see click
  const place = event.target.closest?.(`${PLOT} g`);
  if (place) show(place);
  else if (!event.target.closest?.(PLOT)) hide();
});

document.addEventListener("keydown", (event) => {
  if (event.target !== plot() || !(event.key in MOVES || event.key === "Escape")) return;
  if (event.altKey || event.ctrlKey || event.metaKey) return; // of the browser: back, forward
  event.preventDefault();
  if (event.key === "Escape") return hide();
  const all = places();
  const at = all.findIndex((place) => place.classList.contains("is-read"));
  const next = at < 0 ? all.length - 1 : Math.min(all.length - 1, Math.max(0, at + MOVES[event.key]));
  show(all[event.key === "Home" ? 0 : next]);
  const { title, parts } = linesOf(all[event.key === "Home" ? 0 : next]);
  say([title, ...parts.map(({ text }) => text)].join(". "));
});
document.addEventListener("focusout", (event) => event.target === plot() && hide());

// --- Parts switched off ----------------------------------------------------------------------------
function stack() {
  const { height } = plot().viewBox.baseVal;
  for (const place of places()) {
    let base = height;
    for (const bar of place.querySelectorAll("[data-part]:not(.is-off)")) {
      base -= Number(bar.getAttribute("height"));
      bar.setAttribute("y", base);
    }
  }
}

function toggle(button, part) {
  const isShown = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", isShown);
  for (const mark of plot().querySelectorAll(`[data-part="${part}"]`)) mark.classList.toggle("is-off", !isShown);
  stack();
}

function switchOf(entry, part, words) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-pressed", "true");
  button.setAttribute("aria-label", `${words}: ${nameOf(entry)}`);
  button.title = words;
  button.append(entry.querySelector(".ps-sw"));
  button.addEventListener("click", () => toggle(button, part));
  entry.prepend(button);
}

// --- Parts selected --------------------------------------------------------------------------------
const boxes = () => [...document.querySelectorAll("#usage-select [type=checkbox]")];

function select(part) {
  const { value } = entries()[part].dataset;
  if (!value) return; // the others together are no part
  let box = boxes().find((each) => each.value === value);
  if (!box) {
    box = boxes()[0].cloneNode(); // the table shows a later page
    Object.assign(box, { value, checked: false, hidden: true });
    document.getElementById("usage-select").append(box);
  }
  box.checked = !box.checked;
  mark();
}

function mark() {
  const chosen = boxes().filter((box) => box.checked);
  document.getElementById("usage-selected").hidden = !chosen.length;
  plot().classList.toggle("is-selecting", chosen.length > 0);
  const values = new Set(chosen.map((box) => box.value));
  for (const part of plot().querySelectorAll("[data-part]"))
    part.classList.toggle("is-selected", values.has(entries()[part.dataset.part].dataset.value));
}

document.addEventListener("change", (event) => event.target.closest("#usage-select") && mark());
document.addEventListener(
  "click",
  (event) => {
    const part = event.target.closest(`${PLOT} [data-part]`)?.dataset.part;
    const place = event.pointerType === "touch" && event.target.closest(`${PLOT} g`);
    if (place && !place.classList.contains("is-read")) return show(place);
    const entry = event.target.closest("#usage-legend a")?.closest("li");
    if (event.shiftKey && (part || entry)) {
      event.preventDefault();
      event.stopPropagation();
      select(part ?? entries().indexOf(entry));
    } else if (part) entries()[part].querySelector("a")?.click();
  },
  true,
);

// --- Start -----------------------------------------------------------------------------------------
function start() {
  if (!plot() || plot().hasAttribute("tabindex")) return;
  const frame = plot().closest(".ps-plot-frame");
  plot().setAttribute("tabindex", "0");
  plot().setAttribute("aria-description", frame.dataset.help);
  for (const place of places()) {
    const title = place.querySelector("title");
    place.dataset.title = title.textContent;
    title.remove(); // it would lie over ours
  }
  const tip = document.createElement("div");
  tip.className = "ps-tip";
  tip.hidden = true;
  frame.append(tip);
  const { dataset } = document.getElementById("usage-legend");
  for (const [part, entry] of entries().entries())
    if (entry.querySelector("bdi")) switchOf(entry, part, dataset.switch);
}

document.addEventListener("htmx:after:settle", start);
start();
