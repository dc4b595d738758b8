// form[data-stream="region"]: its answer comes into that region, by a stream that the answer's article opens. While
// one is under way nothing else is sent, a clock runs, and Stop stands where Send was; a page that was loaded anew, or
// another tab, is no different. An article whose stream ended without its end is asked for, and opens it again.
// A stop before the article is there waits for it: by then the server may have written the question down.

import { say } from "./announce.js";

const COARSE = matchMedia("(pointer: coarse)"); // there a focus would bring up the keyboard
const TICK_MS = 100;
const SETTLE_MS = 300; // the server needs a moment to write an end
const clocks = new WeakMap(); // form -> its interval
const stopping = new WeakMap(); // form whose article is not there -> what is said when it is stopped

const forms = () => document.querySelectorAll("form[data-stream]");
const busyIn = (form) => document.querySelectorAll(`${form.dataset.stream} [aria-busy=true][data-address]`);
const isStreaming = (form) => form.classList.contains("is-streaming");

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

function start(form) {
  form.classList.add("is-streaming");
  const began = Date.now();
  clearInterval(clocks.get(form));
  clocks.set(
    form,
    setInterval(() => tick(form, began), TICK_MS),
  );
}

function end(form) {
  form.classList.remove("is-streaming");
  stopping.delete(form);
  clearInterval(clocks.get(form));
  form.querySelector("[data-live]")?.replaceChildren();
  const { activeElement } = document;
  const lost = activeElement === document.body || activeElement.matches("[data-stop]");
  if (lost && !COARSE.matches) form.querySelector("textarea")?.focus({ preventScroll: true });
  document.body.dispatchEvent(new Event("answered"));
}

function stop(form, words) {
  const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
  for (const { dataset } of busyIn(form))
    fetch(dataset.stopAddress, { method: "POST", headers: { "X-CSRFToken": token } }).catch(() => {});
  say(words);
}

// What is on the page decides.
function look(form) {
  const busy = busyIn(form);
  if (busy.length && !isStreaming(form)) start(form);
  if (busy.length && stopping.has(form)) {
    stop(form, stopping.get(form));
    stopping.delete(form);
  }
  if (!busy.length && isStreaming(form) && !form.classList.contains("htmx-request")) end(form);
}

function lookAtAll() {
  for (const form of forms()) look(form);
}

// What belongs to an action on one answer is in its button: where to send the form. Message and images stay here, and
// so do other messages that are being edited.
document.addEventListener("htmx:config:request", (event) => {
  if (!event.target.matches?.("form[data-stream]")) return;
  const { request } = event.detail.ctx;
  const edit = request.submitter?.closest(".ps-edit");
  request.body.delete("edited");
  if (edit) request.body.set("edited", edit.querySelector("textarea").value);
  const address = request.submitter?.getAttribute("formaction");
  if (!address) return;
  request.action = address;
  request.body.delete("message");
  request.body.delete("images");
});

document.addEventListener("htmx:before:request", (event) => {
  const form = event.target;
  if (!form.matches?.("form[data-stream]")) return;
  if (busyIn(form).length) {
    event.preventDefault();
    return;
  }
  stopping.delete(form);
  start(form);
  form.querySelector("#playground-refused")?.replaceChildren();
  const { activeElement } = document; // what was pressed goes away: Send at once, a Retry when its answer is drawn anew
  if (!form.contains(activeElement) || activeElement.matches(".ps-send")) form.querySelector("[data-stop]")?.focus();
});

document.addEventListener("htmx:finally:request", (event) => {
  if (event.target.matches?.("form[data-stream]")) setTimeout(() => look(event.target)); // its class goes after this
});

document.addEventListener("htmx:after:swap", lookAtAll);
document.addEventListener("htmx:after:settle", lookAtAll);

// The stream ended, or broke, or could not be opened, and its article is still there.
function rejoin(event) {
  const article = event.target.closest?.("[aria-busy=true][data-address]");
  if (!article || !event.target.matches("[data-opens-stream]")) return;
  setTimeout(() => {
    if (article.isConnected)
      htmx.ajax("GET", article.dataset.address, { source: article, target: article, swap: "outerHTML" });
  }, SETTLE_MS);
}
document.addEventListener("htmx:sse:close", rejoin);
document.addEventListener("htmx:error", rejoin);

document.addEventListener("click", (event) => {
  if (event.detail > 1) return; // of a double click on Send the second half meets Stop, which stands there by then
  const button = event.target.closest("[data-stop]");
  const form = button && document.querySelector(button.dataset.stop);
  if (!form || !isStreaming(form) || stopping.has(form)) return;
  if (busyIn(form).length) stop(form, button.dataset.said);
  else stopping.set(form, button.dataset.said);
});

lookAtAll();
