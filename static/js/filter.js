// [data-filters="id"]: a search field that hides the rows of that table while one types. Without a script, the form asks the server.

import { say } from "./say.js";

function filter(field) {
  const wanted = field.value.trim().toLowerCase().split(/\s+/);
  const rows = [...document.getElementById(field.dataset.filters).tBodies[0].rows];
  for (const row of rows) row.hidden = !wanted.every((word) => row.dataset.words.toLowerCase().includes(word));
  const shown = rows.filter((row) => !row.hidden).length;
  document.getElementById(field.dataset.none).hidden = shown > 0;
  say(field.dataset.count.replace("%n", shown));
}

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-filters]")) filter(event.target);
});
