// The explorer: a click on a bar or a line is one on its entry in the legend.

document.addEventListener("click", (event) => {
  const mark = event.target.closest(".ps-plot [data-part]");
  mark?.closest("section").querySelectorAll(".ps-legend a")[mark.dataset.part]?.click();
});
