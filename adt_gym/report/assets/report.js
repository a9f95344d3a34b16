"use strict";
(() => {
  const MAX_EVENTS = 500; // rows of the list of events
  const TOUCH = matchMedia("(pointer: coarse)").matches;
  const CONFIG = {
    responsive: true, displaylogo: false, showTips: false, displayModeBar: TOUCH ? true : "hover",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "resetScale2d"],
  };
  const SCORES_CONFIG = { ...CONFIG, doubleClick: false }; // Plotly's own would go back to the series shown first
  const data = JSON.parse(document.getElementById("charts").textContent);
  const articles = [...document.querySelectorAll("article")];
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const redraw = []; // one function per article that was opened

  // Arrays

  async function unpack(text, type) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new type(await new Response(stream).arrayBuffer());
  }

  async function unpackUnit(text) {
    return Float32Array.from(await unpack(text, Uint16Array), (v) => v / 65535);
  }

  async function unpackBits(text, length) {
    const bytes = await unpack(text, Uint8Array);
    return Uint8Array.from({ length }, (_, i) => (bytes[i >> 3] >> (7 - (i & 7))) & 1);
  }

  // The places in [from, to) to draw: all, or the minimum and the maximum of each bucket, so that spikes survive.
  function envelope(values, from, to, buckets) {
    const places = [];
    const width = (to - from) / buckets;
    if (width <= 2) {
      for (let i = from; i < to; i++) places.push(i);
      return places;
    }
    for (let b = 0; b < buckets; b++) {
      const start = from + Math.floor(b * width), stop = from + Math.floor((b + 1) * width);
      let low = start, high = start;
      for (let i = start + 1; i < stop; i++) {
        if (values[i] < values[low]) low = i;
        if (!(values[i] <= values[high])) high = i;
      }
      if (low === high) places.push(low);
      else places.push(Math.min(low, high), Math.max(low, high));
    }
    return places;
  }

  // The runs [start, stop) of 1 in [from, to); runs less than a bucket apart are drawn as one.
  function runs(flags, from, to, buckets) {
    const found = [];
    const gap = (to - from) / buckets;
    for (let i = from; i < to; i++) {
      if (!flags[i]) continue;
      const start = i;
      while (i < to && flags[i]) i++;
      const last = found[found.length - 1];
      if (last && start - last[1] < gap - 1) last[1] = i;
      else found.push([start, i]);
    }
    return found;
  }

  // The first place in the sorted values that is not below the value.
  function lowerBound(values, value) {
    let low = 0, high = values.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[middle] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  async function unpackSeries(packed) {
    const count = packed.windows;
    const bits = (text) => unpackBits(text, count);
    const series = {
      name: packed.name, events: packed.events, delays: packed.delays, count,
      timed: packed.times !== null,
      scores: await unpackUnit(packed.scores),
      labels: packed.labels && await bits(packed.labels), // null: nobody knows
      alerts: packed.alerts, // null: not of a back-test
      thresholds: await Promise.all(packed.thresholds.map(unpackUnit)),
      decisions: await Promise.all(packed.decisions.map(bits)),
    };
    if (series.timed) {
      let time = 0;
      series.x = (await unpack(packed.times, Float64Array)).map((difference) => (time += difference));
      const steps = series.x.slice(1).map((t, i) => t - series.x[i]).sort();
      series.step = count > 1 ? steps[steps.length >> 1] : 1000;
    } else {
      series.x = Float64Array.from({ length: count }, (_, i) => i);
      series.step = 1;
    }
    return series;
  }

  // Looks

  const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;"); // Plotly reads a kind of HTML
  const counted = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
  const narrow = () => innerWidth < 600;

  function axis(more) {
    const grid = variable("--grid");
    return { gridcolor: grid, linecolor: variable("--line"), zeroline: false, automargin: false, ...more };
  }

  function layout(height, more) {
    return {
      height, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 12, color: variable("--quiet") },
      margin: { l: narrow() ? 40 : 56, r: 16, t: 30, b: 40 }, showlegend: false, hovermode: "x unified",
      hoverlabel: { bgcolor: variable("--card"), bordercolor: variable("--line"), font: { color: variable("--text") } },
      dragmode: TOUCH ? false : "zoom", modebar: { bgcolor: "rgba(0,0,0,0)" }, ...more,
    };
  }

  // Charts

  function scoreTraces(series, view, methods, visible, buckets) {
    const { from, to } = view, { x, step } = series;
    const at = (places, values) => ({ x: places.map((i) => x[i]), y: places.map((i) => values[i]) });
    const pixel = (x[to - 1] - x[from] + step) / buckets; // a run is at least this wide, or it could not be seen
    const edges = ([start, stop]) => {
      const left = x[start] - step / 2;
      return [left, Math.max(x[stop - 1] + step / 2, left + 1.5 * pixel)];
    };
    const strip = (bars, row, colour, name) => ({
      type: "scatter", mode: "lines", name, yaxis: "y2", hoverinfo: "skip", connectgaps: false,
      x: bars.flatMap(([a, b]) => [a, b, null]), y: bars.flatMap(() => [row, row, null]),
      line: { color: colour, width: 10, simplify: false },
    });
    const labelled = series.labels && runs(series.labels, from, to, buckets).map(edges);
    const shade = labelled && {
      type: "scatter", mode: "lines", name: "labelled", fill: "toself", hoverinfo: "skip", line: { width: 0, simplify: false },
      fillcolor: variable("--anomaly"),
      x: labelled.flatMap(([a, b]) => [a, a, b, b, a, null]), y: labelled.flatMap(() => [-1, 2, 2, -1, -1, null]),
    };
    const score = {
      type: "scatter", mode: "lines", name: "score", ...at(envelope(series.scores, from, to, buckets), series.scores),
      line: { color: variable("--score"), width: 1.2 }, hovertemplate: "%{y:.4f}",
    };
    const thresholds = visible.map((m) => ({
      type: "scatter", mode: "lines", name: plain(methods[m].name), hovertemplate: "%{y:.4f}",
      ...at(envelope(series.thresholds[m], from, to, buckets), series.thresholds[m]),
      line: { color: methods[m].colour, width: 1.5, shape: "hvh" },
      opacity: to - from > 2 * buckets ? 0.4 : 0.9, // many switches in one pixel must not hide the scores
    }));
    const rows = [];
    if (labelled) rows.push([labelled, variable("--anomaly-solid"), "truth"]);
    if (series.alerts) {
      const right = x[to - 1] + step / 2, shown = series.alerts.map(([start, end]) => [start, end ?? right]);
      const bars = shown.filter(([start, end]) => start < right && end >= x[from] - step / 2);
      rows.push([bars.map(([a, b]) => [a - step / 2, Math.max(b, a - step / 2 + 1.5 * pixel)]), variable("--text"), "alerts"]);
    }
    for (const m of visible) {
      const bars = runs(series.decisions[m], from, to, buckets).map(edges);
      rows.push([bars, methods[m].colour, `flagged by ${plain(methods[m].name)}`]);
    }
    const strips = rows.map(([bars, colour, name], row) => strip(bars, row, colour, name));
    return [...(shade ? [shade] : []), ...thresholds, score, ...strips];
  }

  function scoreLayout(series, view, methods, visible) {
    const names = [
      ...(series.labels ? ["labelled"] : []), ...(series.alerts ? ["alerts"] : []), ...visible.map((m) => methods[m].name),
    ];
    const rows = names.length, upper = 260, strips = 20 * rows + 8, height = upper + strips + 92;
    const split = strips / (upper + strips + 22);
    const { x, step } = series;
    const longest = Math.max(0, ...names.map((name) => name.length));
    return layout(height, {
      margin: { l: narrow() ? 34 : Math.min(240, 24 + 6.6 * longest), r: 12, t: 34, b: 36 },
      xaxis: axis({
        type: series.timed ? "date" : "linear", anchor: "y2", showspikes: false,
        title: series.timed ? undefined : { text: "window", standoff: 6 },
        range: [x[view.from] - step / 2, x[view.to - 1] + step / 2],
      }),
      yaxis: axis({ domain: [split + 0.05, 1], range: [-0.03, 1.05], fixedrange: true, title: { text: "" }, tickvals: [0, 0.5, 1] }),
      yaxis2: axis({
        domain: [0, split], range: [rows - 0.4, -0.6], fixedrange: true, showgrid: false,
        tickvals: narrow() ? [] : names.map((_, i) => i), ticktext: names.map(plain),
      }),
    });
  }

  async function drawLearning(element, learning, smoothed) {
    const names = ["episode", "reward", "smoothed", "epsilon", "loss"];
    const arrays = await Promise.all(names.map((name) => unpack(learning[name], Float32Array)));
    const curve = Object.fromEntries(names.map((name, i) => [name, arrays[i]]));
    const buckets = Math.max(200, element.clientWidth);
    const trace = (name, title, line, more) => {
      const places = envelope(curve[name], 0, curve.episode.length, buckets);
      const [x, y] = [curve.episode, curve[name]].map((values) => places.map((i) => values[i]));
      return { type: "scatter", mode: "lines", name: title, x, y, line, ...more };
    };
    const accent = variable("--accent"), quiet = variable("--quiet");
    const traces = [
      trace("reward", "reward", { color: accent, width: 1 }, { opacity: 0.35 }),
      trace("smoothed", `mean over ${smoothed}`, { color: accent, width: 2 }),
      trace("epsilon", "epsilon", { color: quiet, width: 1.2, dash: "dot" }, { yaxis: "y2", hovertemplate: "%{y:.3f}" }),
      trace("loss", "loss", { color: "#e8710a", width: 1.2 }, { yaxis: "y3", hovertemplate: "%{y:.4g}" }),
    ];
    return Plotly.react(element, traces, layout(420, {
      showlegend: true, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
      margin: { l: 56, r: 44, t: 40, b: 40 },
      xaxis: axis({ title: { text: "episode", standoff: 6 }, anchor: "y3" }),
      yaxis: axis({ domain: [0.4, 1], title: { text: "reward" }, fixedrange: true }),
      yaxis2: axis({ overlaying: "y", side: "right", range: [0, 1.02], showgrid: false, tickmode: "array", tickvals: [0, 0.5, 1], fixedrange: true }),
      yaxis3: axis({ domain: [0, 0.3], type: "log", title: { text: "loss" }, fixedrange: true, dtick: 1 }),
    }), CONFIG);
  }

  function drawDelays(element, delays, methods, visible) {
    const last = Math.max(1, ...delays.flatMap((one) => one.delay));
    const traces = visible.map((m) => {
      const { delay, share } = delays[m];
      return {
        type: "scatter", mode: "lines", name: plain(methods[m].name), hovertemplate: "%{y:.1%}",
        x: [0, ...delay, last], y: [0, ...share, share.length ? share[share.length - 1] : 0],
        line: { shape: "hv", color: methods[m].colour, width: 2 },
      };
    });
    return Plotly.react(element, traces, layout(280, {
      xaxis: axis({ title: { text: "delay in windows", standoff: 6 }, range: [-0.02 * last, 1.02 * last] }),
      yaxis: axis({ range: [-0.02, 1.03], tickformat: ".0%", fixedrange: true }),
    }), CONFIG);
  }

  function drawHours(element, hours) {
    const traces = [{
      type: "bar", name: "alerts", x: hours.map((_, hour) => hour), y: hours, hovertemplate: "%{y}",
      marker: { color: variable("--accent") },
    }];
    return Plotly.react(element, traces, layout(200, {
      bargap: 0.25, margin: { l: narrow() ? 40 : 56, r: 16, t: 10, b: 40 },
      xaxis: axis({ title: { text: "hour", standoff: 6 }, range: [-0.6, 23.6], dtick: narrow() ? 6 : 2, fixedrange: true }),
      yaxis: axis({ rangemode: "tozero", tickformat: ",d", nticks: 5, fixedrange: true }),
    }), { ...CONFIG, displayModeBar: false });
  }

  // The list of events, or of alarms where nobody knows of events

  function place(series, window) {
    return series.timed ? new Date(series.x[window]).toISOString().slice(0, 19).replace("T", " ") : window.toLocaleString("en");
  }

  function cell(row, tag, text, name) {
    const made = row.appendChild(document.createElement(tag));
    made.textContent = text;
    if (name) made.className = name;
    return made;
  }

  function listEvents(element, series, methods, open) {
    const table = document.createElement("table");
    const head = table.createTHead().insertRow(), body = table.createTBody();
    const columns = series.delays ? methods.map((m) => m.name) : ["highest score"];
    for (const title of ["start", "windows", ...columns]) cell(head, "th", title);
    series.events.slice(0, MAX_EVENTS).forEach(([start, stop], i) => {
      const row = body.insertRow();
      row.onclick = () => open(start, stop);
      const button = document.createElement("button");
      button.textContent = place(series, start);
      cell(row, "th", "").append(button);
      cell(row, "td", (stop - start).toLocaleString("en"));
      if (!series.delays) cell(row, "td", series.scores.slice(start, stop).reduce((a, b) => Math.max(a, b)).toFixed(4));
      for (const delays of series.delays ?? []) {
        if (delays[i] === null) cell(row, "td", "missed", "missed");
        else cell(row, "td", delays[i].toLocaleString("en"));
      }
    });
    const left = series.events.length - MAX_EVENTS;
    const note = document.createElement("small");
    note.textContent = !series.events.length ? "none" : left > 0 ? `and ${left.toLocaleString("en")} more` : "";
    element.replaceChildren(...(series.events.length ? [table] : []), note);
  }

  // One run

  async function open(article, run) {
    const element = (name) => article.querySelector(`[data-chart=${name}]`);
    const scores = element("scores"), select = article.querySelector("select");
    const boxes = [...article.querySelectorAll(".methods input")];
    const visible = () => boxes.filter((box) => box.checked).map((box) => Number(box.value));
    let series, view, chosen;

    const drawScores = () => {
      const shown = visible(), buckets = Math.max(200, scores.clientWidth);
      return Plotly.react(scores, scoreTraces(series, view, run.methods, shown, buckets),
        scoreLayout(series, view, run.methods, shown), SCORES_CONFIG);
    };
    const show = (from, to) => {
      view = { from: Math.max(0, from), to: Math.min(series.count, to) };
      return drawScores();
    };
    const showEvent = (start, stop) => {
      const around = Math.max(20, 2 * (stop - start));
      show(start - around, stop + around);
      scores.scrollIntoView({ block: "nearest" });
    };
    const choose = async (number) => {
      series = await unpackSeries(run.series[chosen = number]);
      listEvents(article.querySelector("[data-table=events]"), series, run.methods, showEvent);
      view = { from: 0, to: series.count };
    };
    const number = (end) => (typeof end === "number" ? end : Date.parse(end.length > 10 ? end.replace(" ", "T") + "Z" : end));
    const zoomed = (event) => {
      if (event["xaxis.autorange"]) return show(0, series.count);
      const range = event["xaxis.range"] ?? [event["xaxis.range[0]"], event["xaxis.range[1]"]];
      if (range[0] === undefined) return undefined;
      const [from, to] = range.map((end) => lowerBound(series.x, number(end)));
      return to - from < 2 ? show(from - 1, from + 2) : show(from, to);
    };
    const drawMethods = async () => {
      await drawScores();
      if (run.delays) await drawDelays(element("delays"), run.delays, run.methods, visible());
    };
    const draw = async () => {
      await drawMethods();
      if (run.hours) await drawHours(element("hours"), run.hours);
      if (run.learning) await drawLearning(element("learning"), run.learning, run.smoothed);
    };

    const what = run.labelled ? "event" : "alarm";
    run.series.forEach((one, i) => select?.add(new Option(`${one.name} · ${counted(one.events.length, what)}`, i)));
    const marked = run.series.map((one) => one.events.reduce((sum, [start, stop]) => sum + stop - start, 0));
    const first = marked.indexOf(Math.max(...marked));
    if (select) {
      select.value = first;
      select.onchange = () => choose(Number(select.value)).then(drawScores);
    }
    for (const button of article.querySelectorAll("[data-alert]")) {
      button.onclick = async () => {
        const [number, from, to] = button.dataset.alert.split(" ").map(Number);
        if (number !== chosen) await choose(number);
        if (select) select.value = number;
        showEvent(lowerBound(series.x, from), lowerBound(series.x, to) + 1);
      };
    }
    boxes.forEach((box) => (box.onchange = drawMethods));
    await choose(first);
    await draw();
    scores.on("plotly_relayout", zoomed);
    scores.on("plotly_doubleclick", () => show(0, series.count));
    return draw;
  }

  // The page

  async function activate(number) {
    articles.forEach((article, i) => (article.hidden = i !== number));
    tabs.forEach((tab, i) => tab.setAttribute("aria-selected", i === number));
    redraw[number] ??= open(articles[number], data[number]);
    await redraw[number];
    document.documentElement.dataset.drawn = number;
  }

  tabs.forEach((tab, i) => (tab.onclick = () => activate(i)));
  matchMedia("(prefers-color-scheme: dark)").onchange = () => redraw.forEach(async (draw) => (await draw)());
  articles.forEach((article, i) => (article.hidden = i !== 0));
  requestAnimationFrame(() => setTimeout(() => activate(0))); // the tables are painted first
})();
