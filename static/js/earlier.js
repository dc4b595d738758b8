// Earlier messages are put above those that are read: what was on the screen stays where it was, and the focus stays
// at the link to still earlier ones, or at the first message.

const LINK = "playground-earlier";

let kept = null; // the turn that was the first one, and where it was

document.addEventListener("htmx:before:swap", (event) => {
  if (event.detail.ctx.target?.id !== LINK) return;
  const turn = document.querySelector(".ps-turn");
  kept = { turn, top: turn.getBoundingClientRect().top };
});

document.addEventListener("htmx:after:swap", () => {
  if (!kept) return;
  const { turn, top } = kept;
  kept = null;
  scrollBy({ top: turn.getBoundingClientRect().top - top, behavior: "instant" });
  if (document.activeElement !== document.body) return;
  const next = document.querySelector(`#${LINK} a`) ?? document.querySelector(".ps-turn article");
  if (next.matches("article")) next.tabIndex = -1;
  next.focus({ preventScroll: true });
});
