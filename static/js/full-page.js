// A response that is a whole page (an error page, the end of a redirect) replaces the whole page,
// not the region that requested it. When a sign-in is needed, the page is loaded again. An error page that answers the
// composer of the Playground becomes a note there, and the conversation stays.

import { say } from "./announce.js";
import { keepDraft } from "./drafts.js";

function showAtComposer(ctx) {
  const form = ctx.sourceElement?.closest?.("form[data-stream]");
  const note = form?.querySelector("template[data-failure]")?.content.firstElementChild.cloneNode(true);
  if (!note) return false;
  const page = new DOMParser().parseFromString(ctx.text, "text/html");
  note.querySelector("[data-title]").textContent = page.querySelector("main h1, main h2")?.textContent ?? page.title;
  const words = [...page.querySelectorAll("main p")].find((each) => !each.closest(".ps-note")); // notes are of every page
  note.querySelector("[data-words]").textContent = words?.textContent ?? "";
  form.querySelector("[data-trouble]").replaceChildren(note);
  say(note.textContent.trim());
  return true;
}

document.addEventListener("htmx:after:request", (event) => {
  if (event.defaultPrevented) return; // a proxy answered (offline.js)
  const { ctx } = event.detail;
  const { redirected, status, url } = ctx.response.raw;
  if (!/^\s*<!doctype/i.test(ctx.text) || (ctx.select && status < 400 && !redirected)) return;
  const answered = new URL(url);
  if (redirected && answered.pathname === document.body.dataset.signIn) {
    event.preventDefault();
    keepDraft();
    location.reload();
    return;
  }
  if (status >= 400 && showAtComposer(ctx)) {
    event.preventDefault();
    return;
  }
  if (status >= 400) keepDraft();
  ctx.target = document.body;
  ctx.select = null;
  ctx.swap = "outerHTML show:top";
  if (redirected) ctx.push = answered.pathname + answered.search;
});
