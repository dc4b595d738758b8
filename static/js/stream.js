// form[data-stream="region"]: its answer is a stream. Stop ends it, a clock runs beside it, and an answer whose
// end did not come by the stream is asked for. A stop before the first event waits for it: by then the server may have
// written the question down, and only that event brings it into the page.

import { say } from "./say.js";

const COARSE = matchMedia("(pointer: coarse)"); // there a focus would bring up the keyboard
const TICK_MS = 100;
const SETTLE_MS = 300; // the server needs a moment to notice that the stream was stopped
const clocks = new WeakMap(); // form -> its interval
const opened = new WeakSet(); // forms whose stream has said where its answer stands
const stopping = new WeakMap(); // form whose stream has not -> what is said when it is stopped

const busyIn = (form) => document.querySelectorAll(`${form.dataset.stream} [aria-busy=true][data-address]`);

function tick(form, began) {
  const number = new Intl.NumberFormat(document.documentElement.lang, {
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
  });
  const count = busyIn(form)[0]?.querySelector("[data-count]")?.textContent;
  const seconds = `${number.format((Date.now() - began) / 1000)}\u00a0s`; // until the server tells of tokens, too
  const line = form.querySelector("[data-live]");
  if (line) line.textContent = count || seconds;
}

function stop(form, words) {
  htmx.trigger(form, "htmx:abort");
  say(words);
}

function start(form) {
  opened.delete(form);
  stopping.delete(form);
  const began = Date.now();
  clearInterval(clocks.get(form));
  clocks.set(
    form,
    setInterval(() => tick(form, began), TICK_MS),
  );
  form.querySelector("#playground-refused")?.replaceChildren();
  const { activeElement } = document; // what was pressed goes away: Send at once, a Retry when its answer is drawn anew
  if (!form.contains(activeElement) || activeElement.matches(".ps-send")) form.querySelector("[data-stop]")?.focus();
}

function end(form) {
  clearInterval(clocks.get(form));
  form.querySelector("[data-live]")?.replaceChildren();
  const { activeElement } = document;
  const lost = activeElement === document.body || activeElement.matches("[data-stop]");
  if (lost && !COARSE.matches) form.querySelector("textarea")?.focus({ preventScroll: true });
}

function askHowItEnded(form) {
  for (const article of busyIn(form)) {
    article.dataset.over = "";
    htmx.ajax("GET", article.dataset.address, { source: article, target: article, swap: "outerHTML" });
  }
}

// What belongs to an act on one answer is in its button: where to send the form. Message and images stay here.
document.addEventListener("htmx:config:request", (event) => {
  const { request } = event.detail.ctx;
  const address = request.submitter?.getAttribute("formaction");
  if (!address || !event.target.matches?.("form[data-stream]")) return;
  request.action = address;
  request.body.delete("message");
  request.body.delete("images");
});

document.addEventListener("htmx:before:request", (event) => {
  if (event.target.matches?.("form[data-stream]")) start(event.target);
});

document.addEventListener("htmx:finally:request", (event) => {
  if (event.target.matches?.("form[data-stream]")) end(event.target);
});

document.addEventListener("htmx:sse:after:message", ({ target }) => {
  if (!target.matches?.("form[data-stream]")) return;
  opened.add(target);
  if (stopping.has(target)) stop(target, stopping.get(target));
  stopping.delete(target);
});

document.addEventListener("htmx:sse:close", (event) => {
  const form = event.target;
  if (!form.matches?.("form[data-stream]")) return;
  for (const article of busyIn(form)) article.dataset.over = "";
  setTimeout(() => askHowItEnded(form), SETTLE_MS);
});

document.addEventListener("click", (event) => {
  if (event.detail > 1) return; // of a double click on Send the second half meets Stop, which stands there by then
  const button = event.target.closest("[data-stop]");
  const form = button && document.querySelector(button.dataset.stop);
  if (!form?.classList.contains("htmx-request")) return;
  if (opened.has(form) || stopping.has(form)) stop(form, button.dataset.said);
  else stopping.set(form, button.dataset.said);
});
