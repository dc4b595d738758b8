// [data-slides="id"]: a slider for the field with that id. An empty field is not sent; [data-clears="id"] clears it.

const sliderOf = (field) => document.querySelector(`[data-slides="${field.id}"]`);
const clearerOf = (field) => document.querySelector(`[data-clears="${field.id}"]`);

function follow(field) {
  const slider = sliderOf(field);
  if (!slider) return;
  slider.value = field.value.replace(",", ".") || slider.dataset.default || slider.max;
  mark(field);
}

function mark(field) {
  sliderOf(field).classList.toggle("is-idle", !field.value);
  clearerOf(field).hidden = !field.value;
}

function followAll() {
  for (const slider of document.querySelectorAll("[data-slides]")) mark(document.getElementById(slider.dataset.slides));
}

document.addEventListener("input", (event) => {
  const field = document.getElementById(event.target.dataset.slides);
  if (!field) return follow(event.target);
  field.value = event.target.value;
  mark(field);
});

document.addEventListener("click", (event) => {
  const field = document.getElementById(event.target.closest("[data-clears]")?.dataset.clears);
  if (!field) return;
  field.value = "";
  follow(field);
  field.focus();
});

// A model's longest answer is where the slider of max_tokens ends.
document.addEventListener("change", (event) => {
  const field = document.getElementById("id_max_tokens");
  if (event.target.name !== "model" || !field || !event.target.dataset.most) return;
  sliderOf(field).max = event.target.dataset.most;
  follow(field);
});

document.addEventListener("htmx:after:settle", followAll);
followAll();
