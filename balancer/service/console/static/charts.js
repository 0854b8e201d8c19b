// What charts share: colours of the sheet, and lines over time with the mode behind them.
"use strict";
window.charts = (() => {
  const MODES = ["normal", "soft", "hard", "emergency"];
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const made = [];

  // Makes a chart that follows its box and the choice of light or dark. `option` is asked anew.
  const make = (box, option) => {
    const chart = echarts.init(box, null, { renderer: "canvas" });
    const draw = () => chart.setOption(option(), { notMerge: true });
    new ResizeObserver(() => chart.resize()).observe(box);
    made.push(draw);
    draw();
    return { chart, draw };
  };
  const redraw = () => made.forEach((draw) => draw());
  document.addEventListener("themed", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  // Spans of equal mode: [[from, to, mode], …] of [time, mode] in order.
  const spans = (times, modes) => {
    const found = [];
    times.forEach((at, i) => {
      const last = found[found.length - 1];
      if (last && last[2] === modes[i]) last[1] = at;
      else { if (last) last[1] = at; found.push([at, at, modes[i]]); }
    });
    return found;
  };
  const areas = (found, opacity, least) => ({
    silent: true,
    data: found.filter((each) => each[2] >= least).map(([from, to, mode]) => [
      { xAxis: from, itemStyle: { color: css(MODES[mode]), opacity } }, { xAxis: to }]),
  });
  // The same for a mode that a share is tried in: as high a part of the band as its share is of it.
  const parts = (times, modes, shares) => spans(times, times.map((_, i) => modes[i] === null ? "" : modes[i] + ":" + shares[i]))
    .filter((each) => each[2] !== "").map(([from, to, key]) => {
      const [mode, share] = key.split(":");
      return [{ xAxis: from, yAxis: 0, itemStyle: { color: css(MODES[mode]), opacity: 1 } }, { xAxis: to, yAxis: Math.max(+share, 0.25) }];
    });
  const axis = () => ({
    axisLine: { lineStyle: { color: css("grid") } },
    axisTick: { show: false },
    axisLabel: { color: css("muted"), fontSize: 11, hideOverlap: true },
    splitLine: { lineStyle: { color: css("grid") } },
  });
  const tooltip = (formatter) => ({
    trigger: "axis", renderMode: "richText", confine: true, formatter,
    backgroundColor: css("page"), borderColor: css("edge"), padding: 8,
    textStyle: { color: css("ink"), fontSize: 12, lineHeight: 17 },
    axisPointer: { type: "line", lineStyle: { color: css("muted"), type: "solid", width: 1 } },
  });
  const at = (ms) => new Date(ms).toISOString().slice(11, 19);
  const short = (value) => {
    if (value === null || value === undefined || Number.isNaN(value)) return "–";
    const size = Math.abs(value);
    if (size >= 1e6) return (value / 1e6).toFixed(2) + " M";
    if (size >= 1000) return Math.round(value).toLocaleString("en");
    return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : size >= 1 ? value.toFixed(2) : value === 0 ? "0" : value.toPrecision(2);
  };
  const scale = (value) => short(value).replace(/(\.\d*?)0+(?=$| )/, "$1").replace(/\.(?=$| )/, "");
  return { MODES, css, make, spans, areas, parts, axis, tooltip, at, short, scale };
})();
