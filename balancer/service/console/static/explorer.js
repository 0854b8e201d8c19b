// A metric over time, the worst mode of each stretch behind it.
"use strict";
(async () => {
  const { MODES, css, make, spans, areas, axis, tooltip, short, scale } = charts;
  const box = document.getElementById("explore");
  const note = document.getElementById("explore-note");
  const say = (text) => { note.textContent = text; note.hidden = false; };
  const answer = await fetch("/console/observability/data?" + box.dataset.query);
  if (!answer.ok) { say("The history cannot be read now."); box.hidden = true; return; }
  const { times, lines, worst, unit, step_s } = await answer.json();
  if (!times.length) { say("Nothing is recorded for this time yet: a point comes every minute."); box.hidden = true; return; }
  const show = { s: (v) => short(v) + " s", share: (v) => short(v * 100) + " %", usd: (v) => "$" + short(v) }[unit] || short;
  const shown = { s: (v) => scale(v) + " s", share: (v) => scale(v * 100) + " %", usd: (v) => "$" + scale(v) }[unit] || scale;
  const COLOURS = ["accent", "bad", "good", "unsure", "muted"], DASHES = ["solid", "dashed", "dotted"];
  const MODE_COLOURS = { normal: "good", soft: "unsure", hard: "hard", emergency: "emergency" };
  const names = Object.keys(lines).sort((a, b) => MODES.indexOf(a) - MODES.indexOf(b));
  const day = (ms) => new Date(ms).toISOString().slice(0, 16).replace("T", " ");
  const gap = step_s * 1000 * 2.5;
  const points = (values) => times.flatMap((t, i) => {
    const at = t * 1000, last = i ? times[i - 1] * 1000 : at;
    return at - last > gap ? [[last + 1, null], [at, values[i]]] : [[at, values[i]]];
  });
  make(box, () => ({
    animation: false, useUTC: true,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { left: 8, right: 14, top: names.length > 1 ? 36 : 14, bottom: 4, containLabel: true },
    legend: { show: names.length > 1, type: "scroll", top: 0, left: 0, textStyle: { color: css("ink") }, pageTextStyle: { color: css("muted") }, pageIconColor: css("muted"), icon: "roundRect", itemHeight: 3, itemWidth: 16 },
    xAxis: { ...axis(), type: "time", splitLine: { show: false } },
    yAxis: { ...axis(), min: 0, axisLine: { show: false }, axisLabel: { ...axis().axisLabel, formatter: shown } },
    tooltip: tooltip((items) => [day(items[0].value[0]) + " UTC"].concat(items.map((item) => `${item.seriesName}: ${item.value[1] === null ? "–" : show(item.value[1])}`)).join("\n")),
    series: names.map((name, i) => {
      const colour = css(MODE_COLOURS[name] || COLOURS[i % COLOURS.length]);
      return {
        name, type: "line", symbol: times.length < 40 ? "circle" : "none", symbolSize: 5, data: points(lines[name]), color: colour,
        lineStyle: { width: 1.8, color: colour, type: MODE_COLOURS[name] ? "solid" : DASHES[Math.floor(i / COLOURS.length) % DASHES.length] },
        ...(i === 0 ? { markArea: areas(spans(times.map((t) => t * 1000), worst), 0.16, 1) } : {}),
      };
    }),
  }));
})();
