// The conversation is drawn anew, and the focus stays in the turn where something was done: at the same arrow of a pager, or
// at the other one at an end; at [data-edits] after cancelling an edit.

let wanted = null; // what finds the element that is to have the focus

const messageOf = (turn) => turn?.querySelector(".msg-user")?.id;
const turnOf = (messageId) => messageId && document.getElementById(messageId)?.closest(".ps-turn");

// Finds the turn by its message, or where that was replaced by another wording, by the turn before it. Turns are not
// counted: fewer earlier ones may be shown afterwards.
function findAgain(turn) {
  const [own, before] = [messageOf(turn), messageOf(turn.previousElementSibling)];
  return () => turnOf(own) ?? turnOf(before)?.nextElementSibling ?? document.querySelector(".ps-turn");
}

document.addEventListener("htmx:before:request", (event) => {
  const source = event.detail.ctx.sourceElement;
  const part = source.closest(".msg-user, .msg-assistant");
  const turn = part?.closest(".ps-turn");
  if (!turn || !source.matches("[data-pages], .ps-edit a")) return;
  const kind = part.matches(".msg-user") ? ".msg-user" : ".msg-assistant";
  const arrow = source.dataset.pages && `[data-pages=${source.dataset.pages}] button`;
  const find = findAgain(turn);
  wanted = () => {
    const drawn = find()?.querySelector(kind);
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
