// The frame of every page: light and dark, and whether what is shown is still true.
"use strict";
(() => {
  const STALE_MS = 4000;

  const theme = document.getElementById("theme");
  theme?.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("open-balancer-theme", root.dataset.theme); } catch { /* kept for this page */ }
    document.dispatchEvent(new CustomEvent("themed"));
  });

  // The stream speaks every second. When it falls silent, figures grow pale and say since when.
  const pulse = document.getElementById("pulse");
  const clock = (ms) => new Date(ms).toISOString().slice(11, 19);
  let heard = Date.now();
  let said = "";
  const say = (state, text) => {
    if (said === text) return;
    said = text;
    pulse.textContent = text;
    pulse.className = "pulse " + state;
    document.body.classList.toggle("stale", state === "bad");
  };
  if (pulse && document.getElementById("stream")) {
    document.addEventListener("htmx:sse:before:message", () => { heard = Date.now(); say("good", "live"); });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) heard = Date.now(); });
    setInterval(() => {
      if (!document.hidden && Date.now() - heard > STALE_MS) say("bad", `stale since ${clock(heard)} UTC, reconnecting`);
    }, 1000);
  } else if (pulse) {
    pulse.hidden = true;
  }

  document.addEventListener("change", (changed) => {
    const form = changed.target.closest?.("form[data-submit-on-change]");
    if (form) form.requestSubmit();
  });

  // What would be hard to undo is asked for twice.
  document.addEventListener("submit", (submitted) => {
    const question = submitted.submitter?.dataset.confirm;
    if (question && !confirm(question)) submitted.preventDefault();
  });
})();
