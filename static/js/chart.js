// canvas[data-chart="id"]: stacked bars, drawn from that table, which screen readers and copy-and-paste use too.
// The buttons of [data-legend] switch its columns on and off; arrow keys go from day to day.

import "../npm/chart.min.js";
import { say } from "./announce.js";

const { Chart } = globalThis; // the file is no module: this is how it hands itself over
const drawn = new Map(); // canvas -> its chart

function colourOf(name) {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(${name})`;
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function amount(usd) {
  const digits = usd > 0 && usd < 0.01 ? { maximumSignificantDigits: 2 } : { minimumFractionDigits: 2 };
  return new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 2, ...digits }).format(usd);
}

const rowsOf = (table) => [...table.tBodies[0].rows];
const usdOf = (row, column) => Number(row.cells[column + 1].dataset.v);
const buttonsOf = (canvas) => [...document.getElementById(canvas.dataset.legend).querySelectorAll("button")];

function dataOf(canvas) {
  const rows = rowsOf(document.getElementById(canvas.dataset.chart));
  return {
    labels: rows.map((row) => row.cells[0].textContent.trim()),
    datasets: buttonsOf(canvas).map((button, column) => ({
      label: button.textContent.trim(),
      data: rows.map((row) => usdOf(row, column)),
      maxBarThickness: 22,
      borderWidth: { top: 1 },
    })),
  };
}

const sum = (items) => items.reduce((usd, item) => usd + item.raw, 0);

function tooltipOf({ dataset }) {
  return {
    padding: 10,
    boxPadding: 4,
    borderWidth: 1,
    usePointStyle: true,
    filter: (item) => item.raw > 0,
    itemSort: (one, other) => other.datasetIndex - one.datasetIndex,
    callbacks: {
      label: (item) => ` ${item.dataset.label}  ${amount(item.raw)} ${dataset.unit}`,
      footer: (items) => `${dataset.together} ${amount(sum(items))} ${dataset.unit}`,
    },
  };
}

function axes({ dataset }) {
  const short = new Intl.NumberFormat(document.documentElement.lang, { maximumSignificantDigits: 3 });
  const tick = (usd) => (usd === 0 ? "0" : `${short.format(usd)} ${dataset.unit}`);
  return {
    x: {
      stacked: true,
      grid: { display: false },
      border: { display: false },
      ticks: { maxRotation: 0, autoSkip: true, autoSkipPadding: 24 },
    },
    y: { stacked: true, border: { display: false }, grid: {}, ticks: { maxTicksLimit: 5, callback: tick } },
  };
}

function paint(canvas, chart) {
  const [ink, quiet, line, surface] = ["--ps-ink", "--ps-ink-2", "--ps-line", "--ps-surface"].map(colourOf);
  const swatches = buttonsOf(canvas).map((button) => button.querySelector(".ps-sw"));
  chart.data.datasets.forEach((set, column) => {
    set.backgroundColor = getComputedStyle(swatches[column]).color;
    set.borderColor = surface;
  });
  const { scales, plugins } = chart.options;
  scales.x.ticks.color = scales.y.ticks.color = quiet;
  scales.y.grid.color = line;
  const text = { titleColor: ink, bodyColor: ink, footerColor: ink };
  Object.assign(plugins.tooltip, { backgroundColor: surface, borderColor: line, ...text });
  chart.update();
}

function draw(canvas) {
  const chart = new Chart(canvas, {
    type: "bar",
    data: dataOf(canvas),
    options: {
      responsive: true,
      maintainAspectRatio: false,
      animation: false,
      interaction: { mode: "index", intersect: false },
      plugins: { legend: { display: false }, tooltip: tooltipOf(canvas) },
      scales: axes(canvas),
    },
  });
  drawn.set(canvas, chart);
  paint(canvas, chart);
}

function drawAll() {
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  for (const [canvas, chart] of drawn) {
    if (canvas.isConnected) continue;
    chart.destroy();
    drawn.delete(canvas);
  }
  for (const canvas of document.querySelectorAll("canvas[data-chart]")) if (!drawn.has(canvas)) draw(canvas);
}

function paintAll() {
  for (const [canvas, chart] of drawn) paint(canvas, chart);
}

function step(canvas, key) {
  const chart = drawn.get(canvas);
  const last = chart.data.labels.length - 1;
  const at = chart.getActiveElements()[0]?.index;
  if (key === "Home") return 0;
  if (key === "End" || at === undefined) return last;
  return Math.min(last, Math.max(0, at + (key === "ArrowRight" ? 1 : -1)));
}

function show(canvas, index) {
  const chart = drawn.get(canvas);
  const shown = chart.data.datasets.map((_, datasetIndex) => ({ datasetIndex, index }));
  const seen = shown.filter(({ datasetIndex }) => chart.isDatasetVisible(datasetIndex));
  const x = chart.scales.x.getPixelForValue(index);
  chart.setActiveElements(seen);
  chart.tooltip.setActiveElements(seen, { x, y: 0 });
  chart.update();
  const { title, body, footer } = chart.tooltip;
  say([...title, ...body.flatMap((part) => part.lines), ...footer].join(", "));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest(".ps-legend button");
  const canvas = button && document.querySelector(`canvas[data-legend="${button.parentElement.id}"]`);
  if (!canvas) return;
  const on = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", on);
  drawn.get(canvas).setDatasetVisibility(buttonsOf(canvas).indexOf(button), on);
  drawn.get(canvas).update();
});

document.addEventListener("keydown", (event) => {
  if (!drawn.has(event.target) || !["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) return;
  event.preventDefault();
  show(event.target, step(event.target, event.key));
});

new MutationObserver(paintAll).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintAll);
matchMedia("print").addEventListener("change", paintAll);
document.addEventListener("htmx:after:settle", drawAll);
document.fonts.ready.then(drawAll);
