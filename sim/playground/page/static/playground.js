// The island: what is asked, what was asked before, and the address that asks it again.
"use strict";
(() => {
  const { Picture, Handles, Panel, Tiles, clock } = window.playground;
  const $ = (id) => document.getElementById(id);
  const HOME = "/console/playground";
  const TAB = Math.random().toString(36).slice(2, 10);
  const SHY_MS = 4000;

  // What is played with, as the address says it.
  const read = () => {
    const query = new URLSearchParams(location.search);
    const found = { on: query.get("on") ?? "", base: query.get("base") ?? "force", amounts: {} };
    for (const [name, value] of query) if (name.includes(".") && !name.startsWith("was.")) found.amounts[name] = value;
    return found;
  };
  const written = (state, more = {}) =>
    new URLSearchParams({ on: state.on, base: state.base, ...state.amounts, ...more }).toString().replaceAll("%3A", ":").replaceAll("%24", "$");

  let state = read();
  let past = [], future = [];
  let before = null;           // the state that a gesture began at
  let answer = null, ghost = null, ghostState = null;
  let flying = null, wanted = false, settles = false, retry = 0;
  const kept = {};             // arms beside, by their keys

  const picture = new Picture($("canvas"), $("bands"));
  const tiles = new Tiles($("tiles"), $("counted"), $("sentence"));
  const moves = {
    begin() {
      before = { ...state, amounts: { ...state.amounts } };
      ghost = answer;
      ghostState = before;
      picture.frozen = true;
    },
    move(path, amount) {
      state.amounts[path] = amount;
      ask();
    },
    end() {
      picture.frozen = false;
      if (before && written(before) !== written(state)) {
        past.push(before);
        future = [];
      }
      before = null;
      rest();
    },
  };
  const handles = new Handles($("handles"), picture, moves);
  const panel = new Panel($("knobs"), moves);

  const say = (text) => { $("state").textContent = text; };
  const complain = (text) => { $("problem").textContent = text; $("problem").hidden = !text; };

  async function get(what, query, signal) {
    const found = await fetch(`${HOME}/${what}?${query}`, { signal, headers: { accept: "application/json" } });
    if (found.redirected && found.url.includes("/login")) { location.reload(); throw new DOMException("", "AbortError"); }
    if (found.ok) return found;
    const { error } = await found.json().catch(() => ({ error: { message: `the service answers ${found.status}` } }));
    throw Object.assign(new Error(error.message), { status: found.status, where: error.where ?? "", after: Number(found.headers.get("retry-after")) || 1 });
  }

  // While a number moves, one question is under way; of those that come meanwhile the latest is asked next.
  function ask() {
    wanted = true;
    if (!flying) go();
  }

  // At rest whatever is under way is stale: it is dropped, here and in the simulator.
  function rest() {
    flying?.abort();
    flying = null;
    settles = true;
    wanted = true;
    buttons();
    go();
  }

  async function go() {
    clearTimeout(retry);
    const mine = flying = new AbortController();
    try {
      while (wanted && flying === mine) {
        wanted = false;
        if (answer?.state !== written(state)) await draw(mine.signal);
        if (flying === mine && settles && !wanted) await settle(mine.signal);
      }
    } catch (error) {
      if (flying === mine) refused(error);
    } finally {
      if (flying === mine) flying = null;
    }
  }

  async function draw(signal) {
    const asked = written(state);
    const slow = setTimeout(() => { $("picture").classList.add("waits"); say("simulating \u2026"); }, 300);
    try {
      const have = Object.keys(kept).join(",");
      const found = await (await get("draw", `${asked}&tab=${TAB}${have ? `&have=${have}` : ""}`, signal)).json();
      signal.throwIfAborted();
      for (const name of ["static", "none"]) {
        const arm = found.arms[name];
        if (arm.lines) kept[arm.key] = arm; else found.arms[name] = kept[arm.key];
      }
      for (const key of Object.keys(kept)) if (!["static", "none"].some((name) => found.arms[name].key === key)) delete kept[key];
      if (answer && answer.scenario !== found.scenario) ghost = ghostState = null;
      answer = found;
      answer.state = asked;
      show();
      complain("");
    } finally {
      clearTimeout(slow);
      $("picture").classList.remove("waits");
    }
  }

  async function settle(signal) {
    tiles.waits();
    say("ten replications \u2026");
    const was = {};
    if (ghostState && ghost) {
      was.was = "base";
      for (const [path, amount] of Object.entries(ghostState.amounts)) { was[`was.${path}`] = amount; delete was.was; }
    }
    const asked = { ...state, amounts: { ...state.amounts } };
    const same = ghostState && ghostState.base === state.base && ghostState.on === state.on;
    history.replaceState(null, "", `${HOME}?${written(asked)}`);
    const found = await (await get("settle", written(asked, { ...(same ? was : {}), tab: TAB }), signal)).json();
    signal.throwIfAborted();
    settles = false;
    tiles.ten(found);
    say("");
    document.body.dataset.settled = written(asked);
  }

  function show() {
    picture.show(answer, ghost);
    panel.show(answer.knobs, state.amounts);
    handles.show(answer.knobs, state.amounts);
    if (!document.body.dataset.settled || wanted || before || settles) tiles.one(answer, ghost);
    say("");
    delete document.body.dataset.settled;
    document.body.dataset.drawn = answer.state;
    $("hour-title").textContent = answer.title || answer.scenario;
    const moves = answer.arms.policy.transitions;
    $("canvas").setAttribute("aria-label", `${answer.title || answer.scenario}. Lines of ${Object.keys(answer.signals).length + 1} panels over ${clock(answer.duration_s)}; ${moves.length} changes of mode, told below.`);
    $("changes-title").textContent = `Changes of mode: ${moves.length}`;
    $("changes").tBodies[0].replaceChildren(...moves.map((each) => {
      const row = document.createElement("tr");
      for (const text of [clock(each.at_s), each.before, each.after, each.reason]) row.insertCell().textContent = text;
      return row;
    }));
  }

  function refused(error) {
    if (error.name === "AbortError" || error.status === 409) return;
    say("");
    if (error.status === 429 || error.status === 503 && error.after) {
      say(error.message);
      wanted = true;
      retry = setTimeout(go, Math.min(30, error.after) * 1000);
      return;
    }
    if (error.status === undefined) {
      say("the service does not answer; trying again \u2026");
      wanted = true;
      retry = setTimeout(go, SHY_MS);
      return;
    }
    // Nothing was changed: the numbers go back to those that are drawn.
    const bad = error.where;
    const undone = past.pop();
    if (undone) state = undone;
    ghost = ghostState = null;
    settles = false;
    buttons();
    if (answer) { handles.show(answer.knobs, state.amounts); }
    if (!panel.say(bad, error.message)) complain(bad && !error.message.startsWith(bad) ? `${bad}: ${error.message}` : error.message);
  }

  function step(from, to) {
    const next = from.pop();
    if (!next) return;
    to.push({ ...state, amounts: { ...state.amounts } });
    ghost = answer;
    ghostState = state;
    state = { ...next, amounts: { ...next.amounts } };
    $("on").value = state.on;
    $("base").value = state.base;
    rest();
  }

  function buttons() {
    $("undo").disabled = !past.length;
    $("redo").disabled = !future.length;
    $("reset").disabled = !Object.keys(state.amounts).length;
    for (const id of ["link", "yaml", "gate"]) $(id).disabled = !answer;
  }

  // Dialogs: what is copied is shown, too, for browsers that copy nothing.
  async function copied(text, where) {
    try {
      await navigator.clipboard.writeText(text);
      where.textContent = "copied";
    } catch {
      where.textContent = "this browser copies nothing by itself; select the text";
      return false;
    }
    return true;
  }

  function open({ title, text, code, links = [] }) {
    $("dialog-title").textContent = title;
    $("dialog-text").textContent = text;
    $("dialog-code").value = code;
    $("dialog-code").rows = Math.min(18, Math.max(3, code.split("\n").length));
    $("dialog-said").textContent = "";
    if ($("start")) { $("start").hidden = true; $("start").text.value = ""; }
    $("dialog-links").replaceChildren(...links.map(([name, href, file]) => {
      const link = Object.assign(document.createElement("a"), { className: "button", href, textContent: name });
      if (file) link.download = file;
      return link;
    }));
    $("dialog").showModal();
  }
  $("dialog-close").addEventListener("click", () => $("dialog").close());
  $("dialog-copy").addEventListener("click", () => { $("dialog-code").select(); copied($("dialog-code").value, $("dialog-said")); });

  $("link").addEventListener("click", async () => {
    const text = `${location.origin}${HOME}?${written(state)}`;
    if (!(await copied(text, $("state")))) open({ title: "Link", text: "This address shows the same again.", code: text });
  });

  $("yaml").addEventListener("click", async () => {
    try {
      const found = await get("yaml", written(state, { tab: TAB }));
      open({ title: "The policy as YAML", text: "With the numbers as they stand.", code: await found.text(),
        links: [["Save as candidate.yaml", `${HOME}/yaml?${written(state)}`, "candidate.yaml"]] });
    } catch (error) { refused(error); }
  });

  $("gate").addEventListener("click", () => {
    const hour = state.on.startsWith("hour:");
    const scenario = hour ? `hour_${state.on.slice(5).replace("-", "_")}.yaml` : state.on;
    const links = [
      ["candidate.yaml", `${HOME}/yaml?${written(state)}`, "candidate.yaml"],
      ["baseline.yaml", `${HOME}/yaml?${written({ ...state, amounts: {} })}`, "baseline.yaml"],
    ];
    if (hour) links.push([scenario, `${HOME}/scenario?${written({ ...state, amounts: {} })}`, scenario]);
    open({
      title: "Send to the gate",
      text: "The gate decides whether the candidate may replace the baseline, by as many replications as that takes. Save the files, then run this beside them; leave the scenario out to ask the whole library.",
      code: `open-balancer gate ${scenario} --candidate candidate.yaml --baseline baseline.yaml`, links,
    });
    // The service gates on a scenario of the library, against the policy in force.
    if ($("start")) $("start").hidden = hour;
  });

  $("start")?.addEventListener("submit", async (submitted) => {
    if ($("start").text.value) return;
    submitted.preventDefault();
    try {
      $("start").text.value = await (await get("yaml", written(state, { tab: TAB }))).text();
      $("start").scenario.value = state.on;
      $("start").submit();
    } catch (error) { $("dialog-said").textContent = error.message; }
  });

  $("undo").addEventListener("click", () => step(past, future));
  $("redo").addEventListener("click", () => step(future, past));
  $("reset").addEventListener("click", () => { moves.begin(); state.amounts = {}; moves.end(); });
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || $("dialog").open) return;
    if (event.target.matches("input[type=text], textarea")) return;
    const key = event.key.toLowerCase();
    if (key === "z" || key === "y") {
      event.preventDefault();
      if (key === "y" || event.shiftKey) step(future, past); else step(past, future);
    }
  });

  function choose() {
    past.push({ ...state, amounts: { ...state.amounts } });
    future = [];
    const kept = state.base === $("base").value ? state.amounts : {};
    state = { on: $("on").value, base: $("base").value, amounts: kept };
    ghost = ghostState = null;
    rest();
  }
  $("on").addEventListener("change", choose);
  $("base").addEventListener("change", choose);

  // Why the mode is what it is, under the pointer.
  const tip = $("tip"), host = $("picture");
  host.addEventListener("pointermove", (event) => {
    if (!answer || picture.frozen || event.target.closest(".grip")) { tip.hidden = true; return; }
    const box = host.getBoundingClientRect();
    const x = event.clientX - box.left, s = picture.seconds(x);
    if (s < 0 || s > answer.duration_s) { tip.hidden = true; return; }
    hint(s, x, event.clientY - box.top, box.width);
  });
  host.addEventListener("pointerleave", () => { tip.hidden = true; });

  function hint(s, x, y, width) {
    const changes = answer.arms.policy.transitions;
    const near = changes.filter((each) => Math.abs(picture.x(each.at_s) - x) <= 6);
    const last = near.at(-1) ?? changes.filter((each) => each.at_s <= s).at(-1);
    const title = document.createElement("b");
    title.textContent = near.length ? `${clock(last.at_s)}: ${last.before} to ${last.after}` : `${clock(s)}: ${last ? `${last.after} since ${clock(last.at_s)}` : "normal"}`;
    const why = document.createElement("div");
    why.className = "why";
    why.textContent = last?.reason ?? "";
    const parts = [title, why];
    const tried = answer.arms.policy.tried.find((each) => each.from_s <= s && s < each.to_s);
    if (tried) parts.splice(1, 0, Object.assign(document.createElement("div"), { textContent: `${+(tried.share * 100).toFixed(1)} % of the requests tried in ${tried.mode}` }));
    const panel = picture.panels.find((each) => y >= each.top - 20 && y <= each.top + each.height + 4);
    if (panel) {
      const list = document.createElement("dl");
      const of = panel.name === "requests" ? "answered_per_s" : panel.name;
      const arms = [["with", answer.arms.policy], ...(ghost ? [["last", ghost.arms.policy]] : []), ["static", answer.arms.static], ["without", answer.arms.none]];
      for (const [name, arm] of arms) {
        const line = arm.lines[of];
        const value = line.values[Math.round((s - line.from_s) / line.step_s)] ?? null;
        list.append(Object.assign(document.createElement("dt"), { textContent: name }), Object.assign(document.createElement("dd"), { textContent: value === null ? "\u2013" : window.playground.signal(panel.name, value) }));
      }
      parts.push(list);
    }
    tip.replaceChildren(...parts);
    tip.hidden = false;
    tip.style.left = `${x > width / 2 ? Math.max(0, x - tip.offsetWidth - 14) : x + 14}px`;
    tip.style.top = `${Math.max(0, y - tip.offsetHeight / 2)}px`;
  }

  async function begin() {
    try {
      const found = await (await get("subjects", "")).json();
      fill(found);
    } catch (error) {
      if (error.status === undefined || error.status === 429 || error.status === 503) { say("the simulator is not ready; trying again \u2026"); setTimeout(begin, SHY_MS); } else complain(error.message);
      return;
    }
    settles = true;
    ask();
  }

  function fill(found) {
    const option = (value, text) => Object.assign(document.createElement("option"), { value, textContent: text });
    const group = (label, options) => { const part = Object.assign(document.createElement("optgroup"), { label }); part.append(...options); return part; };
    const hours = found.hours.map((each) => option(each.on, each.label));
    $("on").replaceChildren(
      ...(hours.length ? [group("Your own journal, fitted", hours)] : []),
      group("The library", found.scenarios.map((each) => option(each.name, `${each.name}: ${each.title}`))),
    );
    $("base").replaceChildren(...found.policies.map((each) => option(each.base, each.label)));
    if (!state.on) state.on = "latency_spike";
    // An address may name an hour that is no longer in the list; the service says whether it is known.
    if (![...$("on").options].some((each) => each.value === state.on)) $("on").prepend(option(state.on, state.on));
    if (![...$("base").options].some((each) => each.value === state.base)) $("base").append(option(state.base, state.base));
    $("on").value = state.on;
    $("base").value = state.base;
    $("on").disabled = $("base").disabled = false;
  }

  addEventListener("popstate", () => { state = read(); rest(); });
  begin().then(buttons);
  const always = new MutationObserver(buttons);
  always.observe(document.body, { attributes: true, attributeFilter: ["data-drawn"] });
})();
