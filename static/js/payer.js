// [data-payer]: who pays for the next answer. Its value has the models of each; others cannot be chosen.

function offer(select) {
  const names = JSON.parse(select.dataset.payer)[select.value];
  const radios = [...document.querySelectorAll('#playground-parameters input[name="model"]')];
  for (const radio of radios) radio.disabled = Boolean(names) && !names.includes(radio.value);
  if (radios.some((radio) => radio.checked && radio.disabled)) radios.find((radio) => !radio.disabled)?.click();
}

// The chip of the composer shows it too, since the fields are folded on a phone.
function show(select) {
  for (const shown of document.querySelectorAll("[data-payer-name]")) {
    shown.textContent = select.selectedOptions[0].textContent;
  }
}

function offerAll() {
  for (const select of document.querySelectorAll("[data-payer]")) offer(select);
  for (const select of document.querySelectorAll('#playground-parameters [name="payer"]')) show(select);
}

document.addEventListener("change", (event) => {
  if (event.target.name !== "payer") return;
  if (event.target.matches("[data-payer]")) offer(event.target);
  show(event.target);
  document.body.dispatchEvent(new Event("payer"));
});

document.addEventListener("htmx:after:settle", offerAll);
offerAll();
