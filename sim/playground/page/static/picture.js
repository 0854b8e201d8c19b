// The hour: a panel for each signal, with lines of all arms, and the bands of the modes above them.
"use strict";
(() => {
  const { signal, NAMES } = window.playground;
  const LEFT = 56, RIGHT = 22, BAND = 18, GHOST_BAND = 8, TITLE = 34, PANEL = 170, LOW = 104, BOTTOM = 26;
  const TOP = BAND + GHOST_BAND + 12;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  const points = (line) => {
    if (!line) return [];
    const found = new Array(line.values.length);
    for (let i = 0; i < found.length; i += 1) found[i] = [line.from_s + i * line.step_s, line.values[i]];
    return found;
  };

  class Picture {
    constructor(canvas, bands) {
      this.canvas = canvas;
      this.bands = bands;
      this.chart = null;
      this.panels = [];
      this.frozen = false;
      this.answer = this.ghost = null;
      document.addEventListener("themed", () => this.redraw());
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
      new ResizeObserver(() => this.resize()).observe(canvas);
    }

    // Where a panel and its axis are; the lines of thresholds lie over it.
    layout(answer) {
      let top = TOP;
      const names = [...Object.keys(answer.signals), "requests"];
      this.panels = names.map((name, place) => {
        const height = place === 0 ? PANEL : LOW;
        const panel = { name, top: top + TITLE, height, log: /^(latency|ttft)/.test(name) };
        top += TITLE + height;
        return panel;
      });
      this.height = top + BOTTOM;
      this.canvas.style.height = `${this.height}px`;
    }

    // The ends of the axes: they stand still while something is dragged over them.
    scale(answer) {
      for (const panel of this.panels) {
        const old = this.frozen && this.ends?.[panel.name];
        if (old) { Object.assign(panel, old); continue; }
        let low = Infinity, high = 0;
        const lines = panel.name === "requests" ? ["offered_per_s", "answered_per_s"] : [panel.name];
        for (const arm of [...Object.values(answer.arms), ...(this.ghost ? [this.ghost.arms.policy] : [])])
          for (const name of lines)
            for (const value of arm.lines?.[name]?.values ?? [])
              if (value !== null) { if (value > high) high = value; if (value > 0 && value < low) low = value; }
        const mine = answer.knobs.filter((knob) => knob.signal === panel.name).map((knob) => knob.value);
        const seen = high || Math.max(...mine, 1);
        for (const value of mine) if (value <= seen * 2.2) high = Math.max(high, value);
        high = high || seen;
        panel.max = panel.log ? high * 1.25 : high * 1.1;
        panel.min = panel.log ? Math.min(low === Infinity ? high / 10 : low * 0.8, high / 4) : 0;
      }
      this.ends = Object.fromEntries(this.panels.map(({ name, min, max }) => [name, { min, max }]));
    }

    y(panel, value) {
      const share = panel.log ? Math.log(value / panel.min) / Math.log(panel.max / panel.min) : value / panel.max;
      return panel.top + panel.height * (1 - Math.min(1, Math.max(0, share)));
    }

    value(panel, y) {
      const share = Math.min(1, Math.max(0, 1 - (y - panel.top) / panel.height));
      return panel.log ? panel.min * (panel.max / panel.min) ** share : panel.max * share;
    }

    get box() { return { left: LEFT, width: Math.max(40, this.canvas.clientWidth - LEFT - RIGHT) }; }
    seconds(x) { return ((x - this.box.left) / this.box.width) * this.answer.duration_s; }
    x(s) { return this.box.left + (s / this.answer.duration_s) * this.box.width; }

    show(answer, ghost) {
      const again = this.chart && this.answer && Object.keys(this.answer.signals).join() === Object.keys(answer.signals).join()
        && this.answer.duration_s === answer.duration_s && this.answer.scenario === answer.scenario;
      this.answer = answer;
      this.ghost = ghost;
      if (!again) this.layout(answer);
      this.scale(answer);
      if (!this.chart) this.chart = echarts.init(this.canvas, null, { renderer: "canvas" });
      if (!again) { this.chart.resize(); this.chart.setOption(this.whole(), { notMerge: true }); }
      else this.chart.setOption({ ...(this.frozen ? {} : { yAxis: this.panels.map((panel, i) => ({ id: `y${i}`, min: panel.min, max: panel.max, axisLabel: { customValues: this.ticks(panel) }, axisTick: { customValues: this.ticks(panel) } })) }), series: this.series(true) });
      this.paintBands();
    }

    redraw() { if (this.chart && this.answer) { this.chart.setOption(this.whole(), { notMerge: true }); this.paintBands(); } }

    resize() {
      if (!this.chart || !this.answer || this.width === this.canvas.clientWidth) return;
      this.width = this.canvas.clientWidth;
      this.chart.resize();
      this.redraw();
      this.canvas.dispatchEvent(new CustomEvent("laid-out"));
    }

    // All lines, or those that are not drawn yet: while something is dragged only the policy's are new.
    series(fresh = false) {
      if (!fresh) this.drawn = new Map();
      const arms = this.answer.arms, before = this.ghost?.arms.policy;
      const styles = {
        ghost: { color: colour("ghost"), width: 5 }, none: { color: colour("without"), width: 1.2, type: "dotted" },
        static: { color: colour("ink"), width: 1.3, type: "dashed" }, policy: { color: colour("accent"), width: 1.8 },
      };
      const found = [];
      this.panels.forEach((panel, place) => {
        const line = (arm, name, lines, more = {}) => {
          const id = `${panel.name} ${name}`;
          const what = more.same ?? lines;
          if (this.drawn.has(id) && this.drawn.get(id) === what) return;
          this.drawn.set(id, what);
          found.push({
            // What moves has a layer of its own, so that the rest is not painted again.
            id, zlevel: arm === "policy" ? 1 : 0, type: "line", xAxisIndex: place, yAxisIndex: place, data: points(lines?.[more.of ?? panel.name]),
            showSymbol: false, silent: true, lineStyle: { ...styles[arm], ...more.style }, areaStyle: more.area, z: more.z ?? 3, clip: true,
          });
        };
        const of = panel.name === "requests" ? "answered_per_s" : panel.name;
        if (panel.name === "requests") line("none", "offered", arms.policy.lines, { of: "offered_per_s", same: String(arms.policy.lines.offered_per_s?.values), z: 1, style: { width: 0 }, area: { color: colour("grid"), opacity: 1 } });
        line("ghost", "ghost", before?.lines, { of, z: 2 });
        line("none", "none", arms.none.lines, { of });
        line("static", "static", arms.static.lines, { of });
        line("policy", "policy", arms.policy.lines, { of, z: 4 });
        if (panel.name === "requests") line("policy", "shed", arms.policy.lines, { of: "shed_per_s", style: { color: colour("shed"), width: 1.3 } });
      });
      return found;
    }

    whole() {
      const muted = colour("muted"), font = 11, answer = this.answer;
      const faults = answer.faults.map((fault) => [{ xAxis: fault.from_s }, { xAxis: fault.to_s }]);
      const series = this.series();
      this.panels.forEach((_, place) => series.push({
        id: `faults ${place}`, type: "line", xAxisIndex: place, yAxisIndex: place, data: [], silent: true,
        markArea: { silent: true, itemStyle: { color: colour("fault"), opacity: 0.35 }, data: faults },
        markLine: { silent: true, symbol: "none", label: { show: false }, lineStyle: { color: muted, type: "dotted" }, data: answer.warm_up_s ? [{ xAxis: answer.warm_up_s }] : [] },
      }));
      return {
        animation: false, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
        title: this.panels.map((panel) => ({ text: NAMES[panel.name] + (panel.log ? " (log scale)" : ""), left: 0, top: panel.top - 22, padding: 0, textStyle: { color: colour("ink"), fontSize: 12, fontWeight: 600 } })),
        grid: this.panels.map((panel) => ({ left: LEFT, right: RIGHT, top: panel.top, height: panel.height, outerBoundsMode: "none" })),
        xAxis: this.panels.map((_, place) => ({
          gridIndex: place, type: "value", min: 0, max: answer.duration_s, interval: this.interval(), axisLine: { lineStyle: { color: colour("edge") } }, axisTick: { show: false }, splitLine: { show: false },
          axisLabel: { show: place === this.panels.length - 1, color: muted, fontSize: font, formatter: (s) => this.minutes(s) },
        })),
        yAxis: this.panels.map((panel, place) => ({
          id: `y${place}`, gridIndex: place, type: panel.log ? "log" : "value", logBase: 10, min: panel.min, max: panel.max, splitNumber: 3,
          axisLabel: { color: muted, fontSize: font, formatter: (v) => signal(panel.name, v), customValues: this.ticks(panel) },
          axisTick: { show: false, customValues: this.ticks(panel) }, splitLine: { lineStyle: { color: colour("grid") } }, axisLine: { show: false },
        })),
        series,
      };
    }

    // Round values between the ends of an axis, few enough to be read.
    ticks(panel) {
      const found = [];
      if (panel.log) {
        for (let power = Math.floor(Math.log10(panel.min)); 10 ** power <= panel.max; power += 1)
          for (const step of [1, 2, 5]) { const value = +(step * 10 ** power).toPrecision(1); if (value >= panel.min && value <= panel.max) found.push(value); }
        return found;
      }
      const rough = panel.max / (panel.height > 120 ? 4 : 3);
      const power = 10 ** Math.floor(Math.log10(rough));
      const step = [1, 2, 5, 10].find((each) => each * power >= rough) * power;
      for (let value = 0; value <= panel.max; value += step) found.push(+value.toPrecision(6));
      return found;
    }

    interval() {
      const most = Math.max(2, Math.floor(this.box.width / 70));
      return [60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400].find((each) => this.answer.duration_s / each <= most) ?? 172800;
    }

    minutes(s) { return this.answer.duration_s > 7200 ? `${+(s / 3600).toFixed(1)} h` : `${Math.round(s / 60)} min`; }

    spans(transitions) {
      const found = [];
      let mode = "normal", from = 0;
      for (const each of transitions) { found.push({ mode, from, to: each.at_s }); mode = each.after; from = each.at_s; }
      found.push({ mode, from, to: this.answer.duration_s });
      return found.filter((each) => each.to > each.from);
    }

    paintBands() {
      const { left, width } = this.box;
      const band = (top, height, { transitions, tried }, kind) => {
        const row = document.createElement("div");
        row.className = `band ${kind}`;
        Object.assign(row.style, { left: `${left}px`, width: `${width}px`, top: `${top}px`, height: `${height}px` });
        for (const each of this.spans(transitions)) {
          const part = document.createElement("span");
          part.className = each.mode;
          const size = ((each.to - each.from) / this.answer.duration_s) * width;
          part.style.left = `${(each.from / this.answer.duration_s) * width}px`;
          part.style.width = `${size}px`;
          if (height === BAND && size > each.mode.length * 7 + 6) part.textContent = each.mode;
          row.append(part);
        }
        // What is tried in another mode: as high a part of the band as its share is of the requests.
        for (const each of tried) {
          const part = document.createElement("span");
          part.className = `${each.mode} tried`;
          part.style.left = `${(each.from_s / this.answer.duration_s) * width}px`;
          part.style.width = `${Math.max(1, ((each.to_s - each.from_s) / this.answer.duration_s) * width)}px`;
          part.style.height = `${Math.max(each.share, 0.25) * 100}%`;
          row.append(part);
        }
        return row;
      };
      const name = document.createElement("div");
      name.className = "band-name";
      name.textContent = "mode";
      name.style.top = "1px";
      const rows = [name, band(0, BAND, this.answer.arms.policy, "now")];
      if (this.ghost) rows.push(band(BAND + 2, GHOST_BAND, this.ghost.arms.policy, "ghost"));
      this.bands.replaceChildren(...rows);
    }
  }
  window.playground.Picture = Picture;
})();
