// The numbers beside the picture: the same knobs to type, and bars for holds and shares.
"use strict";
(() => {
  const { amount, signal, NAMES } = window.playground;
  const STEPS = 400;
  const SHED = "Shares that worse modes shed";

  class Panel {
    constructor(host, moves) {
      this.host = host;
      this.moves = moves;
      this.rows = new Map();
    }

    show(knobs, amounts) {
      const paths = knobs.map((knob) => knob.path).join();
      if (paths !== this.paths) this.build(knobs);
      this.paths = paths;
      for (const knob of knobs) {
        const row = this.rows.get(knob.path);
        row.knob = knob;
        row.element.classList.toggle("moved", knob.path in amounts);
        if (document.activeElement !== row.text || !row.dirty) row.text.value = amounts[knob.path] ?? amount(knob, knob.value);
        if (row.range && document.activeElement !== row.range) this.point(row);
        if (row.range) row.range.setAttribute("aria-valuetext", amount(knob, knob.value));
        if (knob.unit === "multiple") row.judged.textContent = signal(knob.signal, knob.value);
        this.say(knob.path, "");
      }
    }

    build(knobs) {
      this.rows.clear();
      const groups = [];
      for (const knob of knobs) {
        const shed = knob.path.includes(".shed.");
        const name = knob.signal ? NAMES[knob.signal] : shed ? SHED : knob.group === "hold" ? "Hold" : "Probes";
        const last = groups.find((group) => group.name === name);
        if (last) last.knobs.push(knob); else groups.push({ name, knobs: [knob] });
      }
      this.host.replaceChildren(...groups.map((group) => {
        const folded = group.name === SHED;
        const part = document.createElement(folded ? "details" : "fieldset");
        const legend = document.createElement(folded ? "summary" : "legend");
        legend.textContent = group.name;
        const grid = document.createElement("div");
        grid.className = "knob-grid";
        grid.append(...group.knobs.map((knob) => this.row(knob)));
        part.append(legend, grid);
        return part;
      }));
    }

    row(knob) {
      const id = `knob-${knob.path.replaceAll(".", "-")}`;
      const element = document.createElement("div");
      element.className = "knob";
      const label = document.createElement("label");
      label.htmlFor = id;
      label.textContent = knob.signal ? `${knob.level} above ` : knob.label;
      const judged = Object.assign(document.createElement("span"), { className: "small muted" });
      if (knob.unit === "multiple") label.append(judged);
      const text = Object.assign(document.createElement("input"), { id, type: "text", autocomplete: "off", spellcheck: false, maxLength: 40 });
      text.dataset.path = knob.path;
      if (knob.signal) text.setAttribute("aria-label", `${knob.level} above, ${NAMES[knob.signal]}`);
      const error = Object.assign(document.createElement("span"), { className: "error", id: `${id}-error`, hidden: true });
      const row = { element, text, error, judged, knob, dirty: false };
      text.addEventListener("input", () => { row.dirty = true; });
      text.addEventListener("change", () => this.typed(row));
      text.addEventListener("keydown", (event) => this.key(event, row));
      text.addEventListener("blur", () => { row.dirty = false; });
      element.append(label, text);
      if (!knob.signal) {
        row.range = Object.assign(document.createElement("input"), { type: "range", min: 0, max: STEPS, step: 1 });
        row.range.setAttribute("aria-label", knob.label);
        row.range.addEventListener("input", () => this.slid(row));
        row.range.addEventListener("change", () => { row.sliding = false; this.moves.end(); });
        element.append(row.range);
      }
      element.append(error);
      this.rows.set(knob.path, row);
      return element;
    }

    ends(knob) {
      if (knob.unit !== "seconds") return { low: knob.low, high: knob.high, log: false };
      return { low: Math.max(knob.low, 5), high: Math.min(knob.high, 1800), log: true };
    }

    point(row) {
      const { low, high, log } = this.ends(row.knob);
      const value = Math.min(high, Math.max(low, row.knob.value));
      row.range.value = Math.round(STEPS * (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low)));
    }

    slid(row) {
      if (!row.sliding) { row.sliding = true; this.moves.begin(); }
      const { low, high, log } = this.ends(row.knob);
      const share = row.range.value / STEPS;
      const value = log ? low * (high / low) ** share : low + (high - low) * share;
      row.text.value = amount(row.knob, value);
      row.range.setAttribute("aria-valuetext", row.text.value);
      this.moves.move(row.knob.path, row.text.value);
    }

    typed(row) {
      const given = row.text.value.trim();
      row.dirty = false;
      if (!given) { row.text.value = amount(row.knob, row.knob.value); return; }
      this.moves.begin();
      this.moves.move(row.knob.path, given);
      this.moves.end();
    }

    // Up and down move a number as they move its line.
    key(event, row) {
      const steps = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
      if (steps === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const { knob } = row;
      const least = knob.unit === "share" && !knob.signal ? 0.01 : 0;
      const value = least ? knob.value + steps * least : knob.value * 1.02 ** steps;
      row.text.value = amount(knob, Math.min(knob.high, Math.max(knob.low, value)));
      this.typed(row);
    }

    // A message at its field; false where there is no such field.
    say(path, problem) {
      const row = this.rows.get(path);
      if (!row) return false;
      row.error.textContent = problem;
      row.error.hidden = !problem;
      row.text.toggleAttribute("aria-invalid", false);
      if (problem) { row.text.setAttribute("aria-invalid", "true"); row.text.setAttribute("aria-describedby", row.error.id); }
      else { row.text.removeAttribute("aria-invalid"); row.text.removeAttribute("aria-describedby"); }
      return true;
    }
  }
  window.playground.Panel = Panel;
})();
