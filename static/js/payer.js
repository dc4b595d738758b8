// [data-payer]: who pays for the next answer. Its value has the models of each; others cannot be chosen.

function offer(select) {
  const names = JSON.parse(select.dataset.payer)[select.value];
  const radios = [...document.querySelectorAll('#playground-parameters input[name="model"]')];
  for (const radio of radios) radio.disabled = Boolean(names) && !names.includes(radio.value);
  if (radios.some((radio) => radio.checked && radio.disabled)) radios.find((radio) => !radio.disabled)?.click();
}

function offerAll() {
  for (const select of document.querySelectorAll("[data-payer]")) offer(select);
}

document.addEventListener("change", (event) => {
  if (event.target.name !== "payer") return;
  if (event.target.matches("[data-payer]")) offer(event.target);
  document.body.dispatchEvent(new Event("payer"));
});

document.addEventListener("htmx:after:settle", offerAll);
offerAll();
