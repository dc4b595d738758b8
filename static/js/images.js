// Images of a message: chosen, pasted or dropped, they become files of its input, with thumbnails to remove them.

const input = () => document.querySelector("#playground-box input[type=file]");
const sees = () => document.querySelector("input[name=model]:checked")?.matches("[data-vision]");

function put(files) {
  const bag = new DataTransfer();
  for (const file of files) bag.items.add(file);
  input().files = bag.files;
  draw();
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
  button.addEventListener("click", () => {
    put([...input().files].filter((other) => other !== file));
    document.querySelector("#playground-box textarea").focus();
  });
  item.append(picture, button);
  return item;
}

async function draw() {
  const list = document.querySelector("[data-thumbs]");
  const files = [...input().files];
  list.replaceChildren(...(await Promise.all(files.map((file) => thumb(file, list.dataset.remove)))));
  list.hidden = !files.length;
  warn();
}

function warn() {
  const words = document.querySelector("[data-no-images]");
  if (words) words.hidden = !input()?.files.length || sees();
}

const imagesOf = (transfer) => [...(transfer?.files ?? [])].filter((file) => file.type.startsWith("image/"));

function add(event, transfer) {
  const images = imagesOf(transfer);
  if (!images.length || !input()) return;
  event.preventDefault();
  put([...input().files, ...images]);
}

document.addEventListener("change", (event) => {
  if (event.target === input()) draw();
  if (event.target.name === "model") warn();
});
document.addEventListener("paste", (event) => {
  if (event.target.closest?.("[data-stream]")) add(event, event.clipboardData);
});
document.addEventListener("dragover", (event) => {
  if (event.target.closest?.("[data-stream]") && event.dataTransfer.types.includes("Files")) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  if (event.target.closest?.("[data-stream]")) add(event, event.dataTransfer);
});
