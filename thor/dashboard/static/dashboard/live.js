// Keep the page true: fetch the live part every two seconds, morph it into place, tick the countdowns in between.
"use strict";

(() => {
  const EVERY_MS = 2000;
  const PATIENCE_MS = 5000;
  const LEAVING_MS = 10000; // after that the page has not been left, and is as stale as it is
  const status = document.getElementById("status"); // carries the instant and the speed of business time
  const connection = document.getElementById("connection");
  let answeredAt = performance.now(); // by the browser's steady clock, which a step of the wall does not move
  let timer = 0;
  let sentAt = -Infinity; // when a form was sent: its answer is the next page, whatever a refresh says meanwhile

  // The same text as countdown_text in wording.py.
  function countdown(seconds) {
    if (seconds <= 0) return "now";
    const two = (value) => String(value).padStart(2, "0");
    const days = Math.floor(seconds / 86400);
    const hours = Math.floor((seconds % 86400) / 3600);
    const clock = `${two(Math.floor((seconds % 3600) / 60))}:${two(seconds % 60)}`;
    if (days) return `${days} d ${two(hours)}:${clock}`;
    return hours ? `${two(hours)}:${clock}` : clock;
  }

  // Business time now: that of the last answer, moved on at the speed at which business time runs.
  function businessNow() {
    return Number(status.dataset.now) + (performance.now() - answeredAt) * Number(status.dataset.speed);
  }

  function write(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function tick() {
    if (document.body.classList.contains("stale")) return;
    const now = businessNow();
    for (const element of document.querySelectorAll("[data-until]")) {
      write(element, countdown(Math.trunc((Number(element.dataset.until) - now) / 1000)));
    }
    for (const element of document.querySelectorAll("[data-clock]")) {
      write(element, new Date(now).toLocaleTimeString("en-GB", { timeZone: element.dataset.clock }));
    }
  }

  // Make `old` equal to `fresh` without replacing what is equal, so that focus, selection and scroll stay.
  function morph(old, fresh) {
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const news = [...fresh.childNodes];
    while (old.childNodes.length > news.length) old.lastChild.remove();
    news.forEach((child, index) => {
      const known = old.childNodes[index];
      if (!known) old.append(child);
      else if (known.nodeName !== child.nodeName) known.replaceWith(child);
      else if (child.nodeType === Node.ELEMENT_NODE) morph(known, child);
      else if (known.data !== child.data) known.data = child.data;
    });
  }

  async function ask() {
    const response = await fetch(status.dataset.url, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (performance.now() - sentAt < LEAVING_MS) return;
    if (response.redirected) return location.reload(); // logged out meanwhile: the reload leads to the log-in
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const section of page.querySelectorAll("[data-live]")) {
      const old = document.getElementById(section.id);
      if (old) morph(old, section);
    }
    answeredAt = performance.now();
    document.body.classList.remove("stale");
    write(connection, "");
    tick();
    document.dispatchEvent(new Event("thor:refreshed"));
  }

  function complain() {
    document.body.classList.add("stale");
    write(connection, `No answer since ${status.dataset.wall}. What you see is not live.`);
  }

  async function refresh() {
    clearTimeout(timer);
    try {
      if (!document.hidden) await ask();
    } catch {
      complain();
    }
    clearTimeout(timer);
    timer = setTimeout(refresh, EVERY_MS);
  }

  document.addEventListener("submit", (event) => { if (!event.defaultPrevented) sentAt = performance.now(); });
  window.addEventListener("pageshow", () => { sentAt = -Infinity; });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  setInterval(tick, 1000);
  timer = setTimeout(refresh, EVERY_MS);
})();
