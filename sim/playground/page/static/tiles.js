// What it gives and what it costs: one replication while something moves, intervals of ten at rest.
"use strict";
(() => {
  const { METRICS, signed, minus } = window.playground;
  const node = (tag, name, text) => {
    const found = document.createElement(tag);
    if (name) found.className = name;
    if (text !== undefined) found.textContent = text;
    return found;
  };
  const WORDS = { better: "better", worse: "worse", noise: "this difference is noise", same: "no change" };

  class Tiles {
    constructor(host, counted, sentence) { Object.assign(this, { host, counted, sentence }); }

    tile(name, value, lines) {
      const part = node("div", "tile");
      part.dataset.metric = name;
      part.append(node("dt", "", METRICS[name].name));
      const shown = node("dd", "", value === null ? "\u2013" : minus(METRICS[name].show(value)));
      for (const line of lines) shown.append(line);
      part.append(shown);
      return part;
    }

    one(answer, ghost) {
      // What is below must stay under the pointer that drags it.
      this.host.style.minHeight = `${this.host.getBoundingClientRect().height}px`;
      this.host.classList.add("one");
      this.counted.textContent = "one replication; let go for ten";
      const mine = answer.arms.policy.metrics, before = ghost?.arms.policy.metrics ?? answer.arms.static.metrics;
      const what = ghost ? "last" : "static";
      this.host.replaceChildren(...Object.keys(METRICS).map((name) => {
        const known = mine[name] !== null && before?.[name] !== null && before?.[name] !== undefined;
        const text = known ? `${signed(name, mine[name] - before[name])} to ${what}` : "";
        return this.tile(name, mine[name], [node("span", "sub", text)]);
      }));
    }

    ten(settled) {
      this.host.style.minHeight = "";
      this.host.classList.remove("one");
      this.counted.textContent = `${settled.replications} replications, the same requests; intervals of 95 %`;
      const names = { ghost: "last", static: "static" };
      this.host.replaceChildren(...Object.keys(METRICS).map((name) => {
        const found = settled.metrics[name];
        const lines = Object.entries(names).filter(([key]) => found.against[key]).map(([key, word]) => {
          const { estimate, low, high, says } = found.against[key];
          const line = node("span", "sub");
          if (says === "same") line.append(`to ${word}: `, node("span", "says same", WORDS.same));
          else if (estimate === null) line.append(`to ${word}: unknown`);
          else {
            line.append(`to ${word} ${signed(name, estimate)} (${signed(name, low)} \u2026 ${signed(name, high)}) `);
            line.append(node("span", `says ${says}`, WORDS[says]));
          }
          return line;
        });
        return this.tile(name, found.estimate, lines);
      }));
      this.sentence.textContent = ["ghost", "static"].map((key) => this.told(settled, key)).filter(Boolean).join(" ");
    }

    // Gain and price in one sentence: neither is told without the other.
    told(settled, key) {
      const parts = { better: [], worse: [] };
      for (const [name, found] of Object.entries(settled.metrics)) {
        const against = found.against[key];
        if (!against) return "";
        if (parts[against.says] && name !== "transitions") {
          parts[against.says].push(`${METRICS[name].name.toLowerCase().replace("p95", "P95")} ${signed(name, against.estimate)}`);
        }
      }
      const who = key === "ghost" ? "Against the last answer" : "Against static";
      if (!parts.better.length && !parts.worse.length) return `${who}: no difference beyond noise.`;
      const gain = parts.better.length ? `it gains ${parts.better.join(", ")}` : "it gains nothing";
      const price = parts.worse.length ? `it pays ${parts.worse.join(", ")}` : "it pays nothing";
      return `${who} ${gain}; ${price}.`;
    }

    waits() { this.counted.textContent = "ten replications are under way \u2026"; }
  }
  window.playground.Tiles = Tiles;
})();
