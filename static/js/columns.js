// [data-column="address"]: opens a column's stream. [data-stops-all] ends all of them; a column whose end did not come
// by its stream is asked for at that address. Which was the best is asked for when all are over: each stream tells it
// too, but the ends of two may come in another order than they happened.

import { isOfInputMethod } from "./input-method.js";

const SETTLE_MS = 300; // the server needs a moment to write an end
const REJOIN_MS = 1000;
let marking;

function askHowItStands(source) {
  const column = source.closest(".ps-column");
  if (!source.isConnected || !column?.querySelector("[aria-busy=true]")) return;
  htmx.ajax("GET", source.dataset.column, { source: column, target: column, swap: "outerHTML" });
}

async function mark() {
  if (document.querySelector("#playground-columns [aria-busy=true]")) return;
  try {
    const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
    if (answer.ok && !answer.redirected) put(await answer.text());
  } catch {
    // what the streams reported stays
  }
}

function put(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const part of page.querySelectorAll(".ps-marks, #playground-figures")) {
    document.getElementById(part.id)?.replaceWith(part);
  }
}

// Once nothing is under way there is nothing to stop.
function tidy() {
  const form = document.querySelector("form[data-stops-all]");
  if (form) form.hidden = !document.querySelector("#playground-columns [aria-busy=true]");
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-stops-all]")) return;
  event.preventDefault();
  if ("over" in form.dataset) return;
  form.dataset.over = "";
  htmx.ajax("POST", form.action, { source: form, target: "#playground-columns", swap: "outerHTML" });
});

document.addEventListener("keydown", (event) => {
  const form = document.querySelector("form[data-stops-all]:not([hidden])");
  if (event.key !== "Escape" || isOfInputMethod(event) || event.defaultPrevented || !form) return;
  if (!document.querySelector("dialog[open], .ps-menu[open]")) form.requestSubmit();
});

// A column that waits asks for its turn by a clock of its own: not any more once all are stopped.
document.addEventListener("htmx:before:request", (event) => {
  const isLate = document.querySelector("[data-stops-all][data-over]");
  if (isLate && event.target.matches?.("[data-column]")) event.preventDefault();
});

document.addEventListener("htmx:finally:request", (event) => {
  const source = event.target;
  if (!source.matches?.("[data-column]")) return;
  setTimeout(() => askHowItStands(source), REJOIN_MS);
  clearTimeout(marking);
  marking = setTimeout(mark, SETTLE_MS);
});

// A further question begins where its answers come.
document.addEventListener("htmx:after:swap", (event) => {
  const rounds = [...document.querySelectorAll(".ps-round")];
  if (event.detail.ctx.sourceElement?.id === "playground-form" && rounds.length > 1) rounds.at(-1).scrollIntoView();
});

document.addEventListener("htmx:after:settle", tidy);
tidy();
