// How amounts are written: those of knobs as a policy file has them, those of figures for people.
"use strict";
window.playground = (() => {
  const digits = (value, n = 3) => String(+value.toPrecision(n));
  const minus = (text) => text.replace("-", "\u2212");

  // A knob's value as text; what it gives is read by the service, which has the last word.
  const UNITS = {
    seconds: (v) => { const whole = +v.toPrecision(3); return whole >= 60 && whole % 60 === 0 ? `${whole / 60}m` : `${whole}s`; },
    share: (v) => `${digits(v * 100)}%`,
    multiple: (v, knob) => `x${digits(v / knob.factor)}`,
    cost: (v) => `$${digits(v)}`,
    usd: (v) => `$${digits(v)}`,
    tokens: (v) => String(Math.max(1, Math.round(v))),
    count: (v) => String(Math.max(0, Math.round(v))),
    factor: (v) => digits(v),
    number: (v) => digits(v),
  };
  const amount = (knob, value) => (UNITS[knob.unit] ?? UNITS.number)(value, knob);

  const seconds = (v) => (v < 0.9995 ? `${digits(v * 1000)} ms` : `${digits(v)} s`);
  const SIGNALS = {
    error_rate: (v) => `${digits(v * 100)} %`,
    memory: (v) => `${digits(v * 100)} %`,
    token_cost_per_hour: (v) => `$${digits(v)}/h`,
    spend_10m: (v) => `$${digits(v)}`,
    tokens_per_minute: (v) => `${Math.round(v).toLocaleString("en")} /min`,
    queue_depth: (v) => digits(v),
    burn_rate: (v) => `${digits(v)}\u00d7`,
    requests: (v) => `${digits(v)}/s`,
  };
  const signal = (name, v) => (SIGNALS[name] ?? seconds)(v);

  const clock = (s) => {
    const whole = Math.round(s);
    const parts = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
    return `${parts[0]}:${String(parts[1]).padStart(2, "0")}:${String(parts[2]).padStart(2, "0")}`;
  };

  const money = (v) => `${v < 0 ? "-" : ""}$${+Math.abs(v).toPrecision(3)}`;
  const percent = (v) => `${digits(v * 100)} %`;
  const points = (v) => `${digits(v * 100)} pp`;
  const METRICS = {
    utility_usd: { name: "Utility", show: money, step: money },
    availability: { name: "Availability", show: (v) => `${digits(v * 100, 4)} %`, step: points },
    latency_p95_s: { name: "P95 latency", show: seconds, step: (v) => `${digits(v)} s` },
    error_rate: { name: "Error rate", show: percent, step: points },
    cost_usd: { name: "Bill", show: money, step: money },
    quality: { name: "Quality of answers", show: (v) => digits(v), step: (v) => digits(v) },
    degraded_share: { name: "Degraded requests", show: percent, step: points },
    shed_share: { name: "Shed requests", show: percent, step: points },
    transitions: { name: "Changes of mode", show: (v) => digits(v), step: (v) => digits(v) },
  };
  const signed = (name, v) => `${v < 0 ? "\u2212" : v > 0 ? "+" : ""}${METRICS[name].step(Math.abs(v))}`;

  const NAMES = {
    latency_p50: "P50 latency", latency_p95: "P95 latency", latency_p99: "P99 latency", ttft_p95: "P95 to the first token",
    error_rate: "Error rate of attempts", token_cost_per_hour: "Cost per hour", tokens_per_minute: "Tokens per minute",
    spend_10m: "Spend of ten minutes", queue_depth: "Requests waiting", memory: "Memory", burn_rate: "Burn rate", requests: "Requests per second",
  };
  return { amount, signal, clock, seconds, signed, minus, METRICS, NAMES };
})();
