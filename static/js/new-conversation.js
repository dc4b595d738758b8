// When the first message has created a conversation, the page becomes its page: URL, title, its line in the list.

function mark() {
  for (const link of document.querySelectorAll("#playground-found a")) {
    if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

document.addEventListener("htmx:after:settle", () => {
  const box = document.querySelector("#playground-box[data-address]");
  if (!box || location.pathname === box.dataset.address) return;
  history.pushState({ htmx: true }, "", box.dataset.address);
  document.title = box.dataset.title;
  const list = document.querySelector("[data-list]")?.dataset.list; // the tools have none
  if (list) htmx.ajax("GET", list, { target: "#playground-found", swap: "outerHTML" }).then(mark);
});
