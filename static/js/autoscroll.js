// The page follows the growing conversation while it is scrolled to its end; otherwise [data-newest] links to the end.

const NEAR_PX = 48;

const card = document.querySelector(".ps-chat");
const conversation = () => document.querySelector("#playground-conversation");
const composer = document.querySelector("#playground-form");
const button = document.querySelector("[data-newest]");
let following = true;
let wasAt = scrollY;

// How far the end of the conversation is hidden behind the composer, which stands at the bottom of the window.
function hidden() {
  if (!composer.isConnected) return 0; // an error page took the place of the chat
  return Math.round(conversation().getBoundingClientRect().bottom - (innerHeight - composer.offsetHeight));
}

function show() {
  button.hidden = following || hidden() < NEAR_PX;
}

function follow() {
  if (following && hidden() > 0 && conversation().querySelector(".ps-turn"))
    scrollBy({ top: hidden(), behavior: "instant" });
  show();
}

if (card && composer) {
  addEventListener(
    "scroll",
    () => {
      if (hidden() < NEAR_PX) following = true;
      else if (scrollY < wasAt) following = false; // only who scrolls back stops following; growth does not
      wasAt = scrollY;
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
    if (event.target.closest("#playground-earlier")) following = false; // they are read from their end upwards
  });
  new ResizeObserver(follow).observe(card);
}
