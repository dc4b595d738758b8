// The page follows the growing talk while the reader is at its end; else [data-newest] leads there.

const NEAR_PX = 48;

const card = document.querySelector(".ps-chat");
const talk = () => document.querySelector("#playground-talk");
const composer = document.querySelector("#playground-form");
const button = document.querySelector("[data-newest]");
let following = true;

// How far the end of the talk is hidden behind the composer, which stands at the bottom of the window.
function hidden() {
  return Math.round(talk().getBoundingClientRect().bottom - (innerHeight - composer.offsetHeight));
}

function show() {
  if (composer.isConnected) button.hidden = following || hidden() < NEAR_PX;
}

function follow() {
  if (!composer.isConnected) return; // an error page took the place of the chat
  if (following && talk().querySelector(".ps-turn") && hidden() > 0) scrollBy({ top: hidden(), behavior: "instant" });
  show();
}

if (card && composer) {
  addEventListener(
    "scroll",
    () => {
      following = composer.isConnected && hidden() < NEAR_PX;
      show();
    },
    { passive: true },
  );
  button.addEventListener("click", () => {
    following = true;
    follow();
    composer.querySelector("textarea").focus({ preventScroll: true });
  });
  document.addEventListener("htmx:before:request", (event) => {
    if (event.target === composer) following = true;
  });
  new ResizeObserver(follow).observe(card);
}
