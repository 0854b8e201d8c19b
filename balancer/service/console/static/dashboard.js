// The last hour: four panels over one time axis, the mode as a band above and behind them.
"use strict";
(async () => {
  const { MODES, css, make, spans, areas, parts, axis, tooltip, at, short, scale } = charts;
  const box = document.getElementById("line");
  const answer = await fetch("/console/dashboard/trail");
  const { points } = await answer.json();
  const MOST = 3600;
  const [AT, MODE, P95, ERRORS, REQUEST_ERRORS, COST, RATE, FLYING, WAITING, TRIED, SHARE] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  const PANELS = [
    { title: "P95 latency, s", lines: [["P95", P95, "accent", (v) => short(v) + " s"]] },
    { title: "Error rate, %", lines: [["attempts", ERRORS, "bad", (v) => short(v * 100) + " %"], ["requests", REQUEST_ERRORS, "unsure", (v) => short(v * 100) + " %"]], scale: 100 },
    { title: "Cost per hour, $", lines: [["cost per hour", COST, "good", (v) => "$" + short(v)]] },
    { title: "In flight · waiting", lines: [["in flight", FLYING, "accent", short], ["waiting", WAITING, "unsure", short], ["requests a second", RATE, "muted", short]] },
  ];
  const BAND = 12, GAP = 30, LEFT = 46, RIGHT = 14;

  const option = () => {
    const times = points.map((p) => p[AT]);
    const found = spans(times, points.map((p) => p[MODE]));
    const band = areas(found, 1, 0);
    band.data.push(...parts(times, points.map((p) => p[TRIED]), points.map((p) => p[SHARE])));
    const height = box.clientHeight || 430;
    const tall = (height - BAND - 24 - PANELS.length * GAP) / PANELS.length;
    const last = times.length ? times[times.length - 1] : Date.now();
    const first = Math.min(times.length ? times[0] : last, last - 300000);
    const x = (i, shown) => ({ ...axis(), type: "time", gridIndex: i, min: first, max: last, splitLine: { show: false }, axisLabel: { ...axis().axisLabel, show: shown, formatter: (ms) => at(ms).slice(0, 5) } });
    return {
      animation: false, useUTC: true,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      grid: [{ left: LEFT, right: RIGHT, top: 0, height: BAND }].concat(PANELS.map((_, i) => ({ left: LEFT, right: RIGHT, top: BAND + GAP * (i + 1) + tall * i, height: tall }))),
      title: PANELS.map((panel, i) => ({ text: panel.title, left: 0, top: BAND + GAP * (i + 1) + tall * i - 23, textStyle: { fontSize: 11.5, fontWeight: 500, color: css("muted") } })),
      xAxis: [{ ...x(0, false), axisLine: { show: false } }].concat(PANELS.map((_, i) => x(i + 1, i === PANELS.length - 1))),
      yAxis: [{ gridIndex: 0, show: false, min: 0, max: 1 }].concat(PANELS.map((_, i) => ({ ...axis(), gridIndex: i + 1, min: 0, splitNumber: 2, axisLine: { show: false }, axisLabel: { ...axis().axisLabel, formatter: scale } }))),
      axisPointer: { link: [{ xAxisIndex: "all" }] },
      tooltip: tooltip((items) => {
        const p = points[items[0].dataIndex];
        if (!p) return "";
        return [`${at(p[AT])} UTC · ${MODES[p[MODE]]}${p[TRIED] === null ? "" : `, ${short(p[SHARE] * 100)} % tried in ${MODES[p[TRIED]]}`}`].concat(PANELS.flatMap((panel) => panel.lines.map(([name, column, , show]) => `${name}: ${p[column] === null ? "–" : show(p[column])}`))).join("\n");
      }),
      series: [{ type: "line", xAxisIndex: 0, yAxisIndex: 0, data: times.map((t) => [t, 0]), symbol: "none", lineStyle: { width: 0 }, markArea: band }].concat(
        PANELS.flatMap((panel, i) => panel.lines.map(([name, column, colour], j) => ({
          name, type: "line", xAxisIndex: i + 1, yAxisIndex: i + 1, symbol: "none", sampling: "lttb",
          color: css(colour), lineStyle: { width: 1.6, color: css(colour), type: j === 1 ? "dashed" : j === 2 ? "dotted" : "solid" },
          data: points.map((p) => [p[AT], p[column] === null ? null : p[column] * (panel.scale || 1)]),
          ...(j === 0 ? { markArea: areas(found, 0.16, 1) } : {}),
        })))),
    };
  };
  const { draw } = make(box, option);

  document.addEventListener("point", (told) => {
    const point = JSON.parse(told.detail.data);
    const last = points[points.length - 1];
    if (last && last[AT] >= point[AT]) return;
    points.push(point);
    if (points.length > MOST) points.shift();
    if (!document.hidden) draw();
    if (last && last[MODE] !== point[MODE]) setTimeout(() => document.dispatchEvent(new CustomEvent("modechange")), 500);
  });
})();
