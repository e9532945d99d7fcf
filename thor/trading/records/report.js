// Draw the figures of the page in the colours of its style sheet, and again when the colours change.
"use strict";

(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const config = { displayModeBar: false, responsive: true };

  // Put the values of the style sheet's custom properties where the figure names them.
  function coloured(value) {
    if (typeof value === "string" && value.startsWith("var(--")) {
      return getComputedStyle(document.documentElement).getPropertyValue(value.slice(4, -1)).trim();
    }
    if (Array.isArray(value)) return typeof value[0] === "number" ? value : value.map(coloured);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, coloured(part)]));
  }

  function draw() {
    for (const [name, figure] of Object.entries(figures)) {
      const { data, layout } = coloured(figure);
      const plot = document.getElementById(name);
      if (!plot.data) plot.replaceChildren(); // what is there for those without JavaScript
      Plotly.react(plot, data, layout, config);
    }
  }

  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
