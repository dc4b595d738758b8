// A response that is a whole page (an error page, the end of a redirect) replaces the whole page,
// not the region that requested it. When a sign-in is needed, the page is loaded again.

import { keepDraft } from "./drafts.js";

document.addEventListener("htmx:after:request", (event) => {
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
  if (status >= 400) keepDraft();
  ctx.target = document.body;
  ctx.select = null;
  ctx.swap = "outerHTML show:top";
  if (redirected) ctx.push = answered.pathname + answered.search;
});
