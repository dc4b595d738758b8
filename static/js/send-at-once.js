// A page that is only a step on the way submits its form by itself; without JavaScript its button does.

document.querySelector("form[data-send-at-once]")?.requestSubmit();
