// [data-browser-zone="id"]: offers the time zone of the browser, where the list with that id has another. Without a choice
// times are in data-portal-zone.

const hint = document.querySelector("[data-browser-zone]");
const list = document.getElementById(hint.dataset.browserZone);
const button = hint.querySelector("button");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

function offer() {
  hint.hidden = !zone || (list.value || hint.dataset.portalZone) === zone;
}

button.textContent = zone;
button.addEventListener("click", () => {
  if (![...list.options].some((option) => option.value === zone)) list.add(new Option(zone, zone));
  list.value = zone;
  list.focus();
  offer();
});
list.addEventListener("change", offer);
offer();
