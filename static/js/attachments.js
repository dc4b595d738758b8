// Images and files of a message: chosen, pasted or dropped, they become files of its input. Images have thumbnails; for
// the others the server says what it has read in them, and about what they cost (#playground-files).

const input = () => document.querySelector("#playground-box input[type=file]");
const MODELS = "input[name=model]:checked, input[name=models]:checked"; // one, or those that are compared
const sees = () => [...document.querySelectorAll(MODELS)].every((model) => model.matches("[data-vision]"));
const isImage = (file) => file.type.startsWith("image/");
const chosen = () => [...(input()?.files ?? [])];

// What is too large is not sent at all: a whole upload would be waited for, and refused.
function fitting(files) {
  const words = document.querySelector("[data-too-large]");
  const most = Number(words.dataset.mostMb) * 1e6;
  const large = files.filter((file) => file.size > most);
  words.textContent = large.map((file) => words.dataset.tooLarge.replace("{name}", () => file.name)).join(" ");
  words.hidden = !large.length;
  return files.filter((file) => file.size <= most);
}

function put(files) {
  const bag = new DataTransfer();
  for (const file of fitting(files)) bag.items.add(file);
  input().files = bag.files;
  draw();
}

function remove(file) {
  put(chosen().filter((other) => other !== file));
  document.querySelector("#playground-box textarea").focus();
}

function address(file) {
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.readAsDataURL(file);
  });
}

async function thumb(file, words) {
  const item = document.createElement("li");
  const picture = document.createElement("img");
  const button = document.createElement("button");
  picture.alt = file.name;
  picture.src = await address(file); // a data: address is what the page's policy allows
  button.type = "button";
  button.className = "btn btn-plain btn-sm";
  button.textContent = "×";
  button.ariaLabel = `${words} ${file.name}`;
  button.addEventListener("click", () => remove(file));
  item.append(picture, button);
  return item;
}

async function draw() {
  const list = document.querySelector("[data-thumbs]");
  const images = chosen().filter(isImage);
  read();
  warn();
  list.replaceChildren(...(await Promise.all(images.map((file) => thumb(file, list.dataset.remove)))));
  list.hidden = !images.length;
}

function read() {
  const rows = document.querySelector("#playground-files");
  if (chosen().every(isImage)) rows.replaceChildren();
  else rows.dispatchEvent(new Event("files-changed"));
}

function warn() {
  const words = document.querySelector("[data-no-images]");
  if (words) words.hidden = !chosen().some(isImage) || sees();
}

function add(event, transfer) {
  const files = [...(transfer?.files ?? [])];
  if (!files.length || !input()) return;
  event.preventDefault();
  put([...chosen(), ...files]);
}

// Word and Excel add a picture of the text that was copied; file managers add the names or paths of the files as text.
function hasCopiedFiles(clipboard) {
  const text = clipboard.getData("text/plain").normalize();
  const files = [...clipboard.files];
  return !text || !files.every(isImage) || files.every((file) => text.includes(file.name.normalize()));
}

document.addEventListener("change", (event) => {
  if (event.target === input()) put(chosen());
  if (!["model", "models"].includes(event.target.name) || !input()) return;
  warn();
  if (!chosen().every(isImage)) read(); // another price
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-unfile]");
  if (button) remove(chosen()[Number(button.dataset.unfile)]);
});
document.addEventListener("paste", (event) => {
  if (event.target.closest?.("[data-stream]") && hasCopiedFiles(event.clipboardData)) add(event, event.clipboardData);
});
document.addEventListener("dragover", (event) => {
  if (event.target.closest?.("[data-stream]") && event.dataTransfer.types.includes("Files")) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  if (event.target.closest?.("[data-stream]")) add(event, event.dataTransfer);
});
