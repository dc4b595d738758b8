// [data-picture="name.png"]: the chart of its section with title, legend and scale, drawn on a canvas and saved as a
// file. [data-print]: the page on paper.

const [WIDTH, MARGIN, LINE, SCALE] = [1200, 32, 22, 2];
const [LEFT, PLOT] = [MARGIN + 96, 420]; // room for the numbers of the scale; the height of the plot
const FONT = (size, weight = 400) => `${weight} ${size}px ${getComputedStyle(document.body).fontFamily}`;
const texts = (nodes) => [...nodes].map((node) => node.textContent.trim());

function legendOf(section) {
  const entries = [...section.querySelectorAll("#usage-legend li")].filter(
    (entry) => !entry.querySelector("[aria-pressed='false']"),
  );
  return entries.map((entry) => ({
    text: entry.textContent.trim().replace(/\s+/g, " "),
    colour: entry.querySelector(".ps-sw") && getComputedStyle(entry.querySelector(".ps-sw")).color,
  }));
}

// Places the entries in rows; returns the height of all.
function placed(pen, entries) {
  let [x, y] = [MARGIN, 0];
  for (const entry of entries) {
    const width = 20 + pen.measureText(entry.text).width + 20;
    if (x > MARGIN && x + width > WIDTH - MARGIN) [x, y] = [MARGIN, y + LINE];
    Object.assign(entry, { x, y });
    x += width;
  }
  return y + LINE;
}

function drawLegend(pen, entries, top, ink) {
  for (const { text, colour, x, y } of entries) {
    pen.fillStyle = colour ?? ink;
    pen.fillRect(x, top + y - 11, 12, colour ? 12 : 2);
    pen.fillStyle = ink;
    pen.fillText(text, x + 20, top + y);
  }
}

function drawMarks(pen, svg, top) {
  const { width, height } = svg.viewBox.baseVal;
  const to = new DOMMatrix([(WIDTH - LEFT - MARGIN) / width, 0, 0, PLOT / height, LEFT, top]);
  for (const mark of svg.querySelectorAll("path, rect:not(.place)")) {
    const style = getComputedStyle(mark);
    if (style.display === "none") continue;
    const path = new Path2D();
    if (mark.tagName === "rect") {
      const [x, y, w, h] = ["x", "y", "width", "height"].map((name) => Number(mark.getAttribute(name)));
      const bar = new Path2D();
      bar.rect(x, y, w, h);
      path.addPath(bar, to);
      pen.fillStyle = style.fill;
      pen.fill(path);
    } else {
      path.addPath(new Path2D(mark.getAttribute("d")), to);
      pen.strokeStyle = style.stroke;
      pen.lineWidth = Number.parseFloat(style.strokeWidth) || 1;
      pen.lineCap = pen.lineJoin = "round";
      pen.setLineDash(mark.classList.contains("before") ? [4, 6] : []);
      pen.stroke(path);
    }
  }
}

function drawScale(pen, section, top, ink) {
  pen.fillStyle = ink;
  pen.textAlign = "right";
  texts(section.querySelectorAll(".ps-plot-scale span")).forEach((text, at) => {
    pen.fillText(text, LEFT - 10, top + 5 + (at * PLOT) / 2);
  });
  const days = texts(section.querySelectorAll(".ps-plot-days span"));
  days.forEach((text, at) => {
    pen.textAlign = at === 0 ? "left" : at === days.length - 1 ? "right" : "center";
    pen.fillText(text, LEFT + ((WIDTH - LEFT - MARGIN) * at) / Math.max(1, days.length - 1), top + PLOT + LINE);
  });
  pen.textAlign = "left";
}

function picture(section) {
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d");
  const entries = legendOf(section);
  pen.font = FONT(14);
  const legendHeight = placed(pen, entries);
  const top = MARGIN + 2 * LINE + LINE / 2 + legendHeight;
  [canvas.width, canvas.height] = [WIDTH * SCALE, (top + PLOT + LINE + MARGIN) * SCALE];
  pen.scale(SCALE, SCALE);
  const style = getComputedStyle(section);
  pen.fillStyle = style.backgroundColor;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = style.color;
  pen.font = FONT(20, 600);
  pen.fillText(section.querySelector("h2").textContent.trim(), MARGIN, MARGIN + 12);
  pen.font = FONT(14);
  pen.fillText(section.querySelector("#usage-days caption").textContent.trim(), MARGIN, MARGIN + 12 + LINE);
  drawLegend(pen, entries, MARGIN + 12 + 2 * LINE + 6, style.color);
  drawMarks(pen, section.querySelector(".ps-plot"), top);
  drawScale(pen, section, top, style.color);
  return canvas;
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) print();
  const button = event.target.closest("[data-picture]");
  if (!button) return;
  picture(button.closest("section")).toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = button.dataset.picture;
    link.click();
    URL.revokeObjectURL(link.href);
  });
});
