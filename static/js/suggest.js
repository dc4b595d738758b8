// input[data-suggest="url"]: loads the options of its <datalist> while typing.

const WAIT_MS = 200;
const waiting = new WeakMap(); // input -> what stops its last question

async function suggest(input) {
  waiting.get(input)?.abort();
  const question = new AbortController();
  waiting.set(input, question);
  await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  if (question.signal.aborted) return;
  const address = `${input.dataset.suggest}?${new URLSearchParams({ [input.name]: input.value })}`;
  try {
    const answer = await fetch(address, { signal: question.signal, headers: { Accept: "text/html" } });
    if (answer.ok && !answer.redirected) fill(input.list, await answer.text());
  } catch {
    // without suggestions, one types the whole name
  }
}

function fill(list, html) {
  const options = new DOMParser().parseFromString(html, "text/html").querySelectorAll("option");
  list.replaceChildren(...options);
}

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-suggest]") && event.target.value.trim()) suggest(event.target);
});
