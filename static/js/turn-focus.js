// The conversation is drawn anew, and the focus stays in the turn where something was done: at the same arrow of a pager, or
// at the other one at an end; at [data-edits] after cancelling an edit.

const partsOf = (kind) => [...document.querySelectorAll(`#playground-conversation ${kind}`)];

let wanted = null; // what finds the element that is to have the focus

document.addEventListener("htmx:before:request", (event) => {
  const source = event.detail.ctx.sourceElement;
  const part = source.closest(".msg-user, .msg-assistant");
  if (!part || !source.matches("[data-pages], .ps-edit a")) return;
  const kind = part.matches(".msg-user") ? ".msg-user" : ".msg-assistant";
  const at = partsOf(kind).indexOf(part);
  const arrow = source.dataset.pages && `[data-pages=${source.dataset.pages}] button`;
  wanted = () => {
    const drawn = partsOf(kind)[at];
    return (arrow && drawn?.querySelector(arrow)) ?? drawn?.querySelector("[data-pages] button, [data-edits]");
  };
});

document.addEventListener("htmx:after:swap", () => {
  if (!wanted || document.activeElement !== document.body) return; // another part was swapped, the turn comes yet
  wanted()?.focus();
  wanted = null;
});

document.addEventListener("focusin", () => {
  wanted = null; // somebody went on by themselves
});
