// Threshold lines over the picture: dragged by pointer, moved by arrow keys; sliders to whoever cannot see them.
"use strict";
(() => {
  const { amount, signal, NAMES } = window.playground;
  const GRIP = 26;

  class Handles {
    // `moves` is told begin(), move(path, amount) and end().
    constructor(host, picture, moves) {
      this.host = host;
      this.picture = picture;
      this.moves = moves;
      this.rows = new Map();
      this.settling = 0;
      picture.canvas.addEventListener("laid-out", () => this.place());
    }

    show(knobs, amounts) {
      const drawn = knobs.filter((knob) => knob.signal && this.picture.panels.some((panel) => panel.name === knob.signal));
      const paths = new Set(drawn.map((knob) => knob.path));
      for (const [path, row] of this.rows) if (!paths.has(path)) { row.element.remove(); this.rows.delete(path); }
      for (const knob of drawn) {
        const row = this.rows.get(knob.path) ?? this.make(knob);
        row.knob = knob;
        // Under the hand the hand is right, not the answer that is a moment old.
        if (this.held !== knob.path) row.value = knob.value;
        row.element.classList.toggle("moved", knob.path in amounts);
      }
      this.place();
    }

    make(knob) {
      const element = document.createElement("div");
      element.className = "threshold";
      element.dataset.path = knob.path;
      element.tabIndex = 0;
      element.setAttribute("role", "slider");
      element.setAttribute("aria-orientation", "vertical");
      const grip = document.createElement("span");
      grip.className = "grip";
      const sign = document.createElement("i");
      sign.className = knob.level;
      const text = document.createElement("span");
      grip.append(sign, text);
      element.append(grip);
      this.host.append(element);
      const row = { element, grip, text, knob, value: knob.value };
      this.rows.set(knob.path, row);
      element.addEventListener("pointerdown", (event) => this.grab(event, row));
      element.addEventListener("keydown", (event) => this.key(event, row));
      element.addEventListener("blur", () => this.settle());
      return row;
    }

    panel(row) { return this.picture.panels.find((panel) => panel.name === row.knob.signal); }

    // A worse mode is entered later: neighbours of the same signal bound each other.
    clamp(row, value) {
      const order = ["soft", "hard", "emergency"];
      let low = row.knob.low, high = row.knob.high;
      for (const other of this.rows.values()) {
        if (other === row || other.knob.signal !== row.knob.signal) continue;
        const before = order.indexOf(other.knob.level) - order.indexOf(row.knob.level);
        if (before < 0) low = Math.max(low, other.value * 1.02);
        if (before > 0) high = Math.min(high, other.value / 1.02);
      }
      return Math.min(Math.max(value, low), Math.max(low, high));
    }

    place() {
      if (!this.picture.answer) return;
      const { left, width } = this.picture.box;
      const taken = new Map();
      const rows = [...this.rows.values()].sort((a, b) => b.value - a.value);
      for (const row of rows) {
        const panel = this.panel(row);
        const y = this.picture.y(panel, row.value);
        const beyond = row.value > panel.max * 1.0001;
        const shown = signal(row.knob.signal, row.value);
        Object.assign(row.element.style, { left: `${left}px`, width: `${width}px`, top: `${y}px` });
        row.text.textContent = `${row.knob.level} ${shown}${beyond ? " \u2191" : ""}`;
        // Grips that would lie over each other stand side by side, and below where there is no room.
        const others = (taken.get(panel.name) ?? []).filter((each) => Math.abs(each.y - y) < GRIP);
        const own = row.grip.offsetWidth;
        let across = 0, below = 0, place = 0;
        for (const wide of [...others.map((each) => each.width), own]) {
          if (across && across + wide > left + width) { across = 0; below += GRIP; }
          place = across;
          across += wide + 4;
        }
        const top = Math.min(Math.max(-6, panel.top - y), panel.top + panel.height - y - GRIP + 8);
        row.grip.style.right = `${place}px`;
        row.grip.style.top = `${top + below}px`;
        taken.set(panel.name, [...(taken.get(panel.name) ?? []), { y, width: own }]);
        const set = (name, value) => row.element.setAttribute(name, value);
        set("aria-label", `${row.knob.level} at ${NAMES[row.knob.signal]}`);
        set("aria-valuemin", String(this.clamp(row, 0)));
        set("aria-valuemax", String(this.clamp(row, Infinity)));
        set("aria-valuenow", String(row.value));
        set("aria-valuetext", shown);
      }
    }

    put(row, value) {
      row.value = this.clamp(row, value);
      this.place();
      this.moves.move(row.knob.path, amount(row.knob, row.value));
    }

    grab(event, row) {
      if (event.button) return;
      event.preventDefault();
      row.element.focus({ preventScroll: true });
      row.element.setPointerCapture(event.pointerId);
      row.element.classList.add("moves");
      const panel = this.panel(row);
      const origin = this.picture.canvas.getBoundingClientRect().top;
      const offset = event.clientY - origin - this.picture.y(panel, row.value);
      this.held = row.knob.path;
      let moved = false;
      const move = (moving) => {
        if (!moved) { moved = true; this.moves.begin(); }
        const top = this.picture.canvas.getBoundingClientRect().top;
        this.put(row, this.picture.value(panel, moving.clientY - top - offset));
      };
      const end = () => {
        row.element.removeEventListener("pointermove", move);
        row.element.classList.remove("moves");
        this.held = null;
        if (moved) this.moves.end();
      };
      row.element.addEventListener("pointermove", move);
      row.element.addEventListener("lostpointercapture", end, { once: true });
    }

    key(event, row) {
      const steps = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
      const ends = { Home: 0, End: Infinity }[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (steps === undefined && ends === undefined) {
        if (event.key === "Enter") this.settle();
        return;
      }
      event.preventDefault();
      if (!this.settling) this.moves.begin();
      this.held = row.knob.path;
      const whole = ["count", "tokens"].includes(row.knob.unit) && row.value < 50;
      const panel = this.panel(row);
      const edge = ends === 0 ? Math.max(panel.min, panel.max / 100) : panel.max;
      this.put(row, steps === undefined ? edge : whole ? row.value + steps : row.value * 1.02 ** steps);
      clearTimeout(this.settling);
      this.settling = setTimeout(() => this.settle(), 600);
    }

    settle() {
      if (!this.settling) return;
      clearTimeout(this.settling);
      this.settling = 0;
      this.held = null;
      this.moves.end();
    }
  }
  window.playground.Handles = Handles;
})();
