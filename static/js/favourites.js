// [data-favours]: a button that makes the chosen model a favourite, or ends that. It is pressed if the model is one;
// the list is in its new order when the page is loaded again.

const chosenBy = (button) => button.closest(".ps-pick").querySelector("input[name=model]:checked");

function show(button) {
  const radio = chosenBy(button);
  button.hidden = !radio;
  button.setAttribute("aria-pressed", String(Boolean(radio?.hasAttribute("data-favourite"))));
}

async function toggle(button) {
  const radio = chosenBy(button);
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  const answer = await fetch(button.getAttribute("formaction"), {
    method: "POST",
    headers: { "X-CSRFToken": token, Accept: "text/plain" },
    body: new URLSearchParams({ model: radio.value }),
  });
  if (!answer.ok) return;
  radio.toggleAttribute("data-favourite", (await answer.text()) === "yes");
  show(button);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-favours]");
  if (!button) return;
  event.preventDefault();
  toggle(button);
});

document.addEventListener("change", (event) => {
  const button = event.target.name === "model" && event.target.closest(".ps-pick")?.querySelector("[data-favours]");
  if (button) show(button);
});
