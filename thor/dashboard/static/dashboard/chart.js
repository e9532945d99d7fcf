// Draw the bars of the chosen symbol in the colours of the style sheet, and again when bars or colours change.
"use strict";

(() => {
  const form = document.getElementById("chart-form");
  const plot = document.getElementById("plot");
  const caption = document.getElementById("chart-caption");
  const source = document.getElementById("chart-source");
  const config = { displayModeBar: false, responsive: true };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let drawn = ""; // the answer that is on the screen
  let mark = ""; // its ETag: bars change once a minute, and only then is there something to draw
  let asked = 0;

  // Put the values of the style sheet's custom properties where the figure names them.
  function coloured(value) {
    if (typeof value === "string" && value.startsWith("var(--")) {
      return getComputedStyle(document.documentElement).getPropertyValue(value.slice(4, -1)).trim();
    }
    if (Array.isArray(value)) return typeof value[0] === "number" ? value : value.map(coloured);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, coloured(part)]));
  }

  function empty(text) {
    Plotly.purge(plot);
    caption.textContent = text;
    plot.removeAttribute("role");
    plot.removeAttribute("aria-label");
  }

  async function draw(text) {
    const answer = JSON.parse(text);
    source.textContent = answer.sources.join(" + ").toUpperCase();
    source.hidden = !answer.sources.length;
    if (!answer.figure) return empty(answer.message);
    const { data, layout } = coloured(answer.figure);
    // The same value on each refresh keeps the zoom that a person chose, until they choose something else to see.
    layout.uirevision = new URLSearchParams(new FormData(form)).toString();
    // A finger scrolls the page; only a mouse drags to zoom.
    layout.dragmode = matchMedia("(pointer: coarse)").matches ? false : "zoom";
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", `${answer.symbol}: ${answer.summary}`);
    caption.textContent = answer.summary + (answer.message ? ` · ${answer.message}` : "");
    await Plotly.react(plot, data, layout, config);
  }

  async function load() {
    const ticket = ++asked;
    const { symbol, minutes } = Object.fromEntries(new FormData(form));
    const address = form.dataset.url.replace("SYMBOL", encodeURIComponent(symbol));
    let text;
    try {
      const response = await fetch(`${address}?minutes=${minutes}`, { signal: AbortSignal.timeout(5000) });
      // live.js says when the server does not answer, and goes to the log-in when it asks for one.
      if (!response.ok || response.redirected) return;
      const found = response.headers.get("ETag") || "";
      if (found && found === mark) return;
      text = await response.text();
      if (ticket === asked) mark = found;
    } catch {
      return;
    }
    // An answer that was overtaken by a newer question, or brings nothing new, is not drawn.
    if (ticket !== asked || text === drawn) return;
    drawn = text;
    await draw(text);
  }

  function choose() {
    history.replaceState(null, "", `?${new URLSearchParams(new FormData(form))}`);
    load();
  }

  if (!form || !window.Plotly) return;
  form.addEventListener("change", choose);
  form.addEventListener("submit", (event) => { event.preventDefault(); choose(); });
  dark.addEventListener("change", () => { if (drawn) draw(drawn); });
  document.addEventListener("thor:refreshed", load);
  load();
})();
