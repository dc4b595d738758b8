// Announces changes to screen readers, in the page's one status region; a swapped region by its [data-say].

const SPEAK_AFTER_MS = 50; // the same words twice must be two changes of the region

export function say(text) {
  const region = document.getElementById("say");
  if (!region) return;
  region.textContent = "";
  setTimeout(() => {
    region.textContent = text;
  }, SPEAK_AFTER_MS);
}

document.addEventListener("htmx:after:settle", (event) => {
  const texts = event.detail.newContent
    .filter((node) => node instanceof Element)
    .flatMap((node) => (node.matches("[data-say]") ? [node] : [...node.querySelectorAll("[data-say]")]))
    .map((node) => node.textContent.trim().replace(/\s+/g, " "));
  if (texts.length) say(texts.join(" "));
});
