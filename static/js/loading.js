// [data-loading]: a placeholder while its content is loaded.

const placeOf = (event) => {
  const { target, request } = event.detail.ctx;
  return request.method === "GET" && target?.matches?.("[data-loading]") ? target : null;
};

document.addEventListener("htmx:before:request", (event) => {
  placeOf(event)?.setAttribute("aria-busy", "true");
});

document.addEventListener("htmx:finally:request", (event) => {
  placeOf(event)?.removeAttribute("aria-busy");
});
