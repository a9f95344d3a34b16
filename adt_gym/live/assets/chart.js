"use strict";
// Draws one series: score and threshold, what was flagged, alerts and labels, and the metrics, one below the other.
const liveChart = (() => {
  const TOUCH = matchMedia("(pointer: coarse)").matches;
  const CONFIG = {
    responsive: true, displaylogo: false, showTips: false, displayModeBar: TOUCH ? true : "hover",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "resetScale2d"],
  };
  const ROWS = ["flagged", "alert", "told true", "told false"];
  const SCORES = 260, STRIPS = 18 * ROWS.length + 8, METRIC = 84, MOST_METRICS = 16; // heights in pixels

  const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;"); // Plotly reads a kind of HTML
  const narrow = () => innerWidth < 600;

  // Lines are broken where points are missing: nothing is drawn that was not there.
  function broken(data, values) {
    const x = [], y = [];
    values.forEach((value, i) => {
      if (data.gaps[i] && i) { x.push(data.times[i]); y.push(null); }
      x.push(data.times[i]);
      y.push(value);
    });
    return { x, y };
  }

  // Spans of windows [first, last], clipped to what is drawn; each at least a step wide, or it could not be seen.
  function clipped(spans, times, step) {
    const first = times[0] - step / 2, last = times[times.length - 1] + step / 2;
    return spans.map(([a, b]) => [Math.max(first, a - step / 2), Math.min(last, b + step / 2)]).filter(([a, b]) => a < b);
  }

  function flaggedSpans({ times, votes, gaps }) {
    const spans = [];
    votes.forEach((count, i) => {
      if (!(count > 0)) return;
      if (i && votes[i - 1] > 0 && !gaps[i]) spans[spans.length - 1][1] = times[i];
      else spans.push([times[i], times[i]]);
    });
    return spans;
  }

  const band = (name, spans, colour) => ({
    type: "scatter", mode: "lines", name, fill: "toself", hoverinfo: "skip", fillcolor: colour,
    line: { width: 0, simplify: false },
    x: spans.flatMap(([a, b]) => [a, a, b, b, a, null]), y: spans.flatMap(() => [-1, 2, 2, -1, -1, null]),
  });
  const strip = (row, spans, colour) => ({
    type: "scatter", mode: "lines", name: ROWS[row], yaxis: "y2", hoverinfo: "skip",
    x: spans.flatMap(([a, b]) => [a, b, null]), y: spans.flatMap(() => [row, row, null]),
    line: { color: colour, width: 9, simplify: false },
  });
  const moments = (name, times, colour) => ({
    type: "scatter", mode: "lines", name, hoverinfo: "skip", line: { color: colour, width: 1.5, dash: "dot" },
    x: times.flatMap((t) => [t, t, null]), y: times.flatMap(() => [-1, 2, null]),
  });

  function traces(data, chosen) {
    const { times } = data, [yes, no] = [variable("--true"), variable("--false")];
    const steps = times.slice(1).map((t, i) => t - times[i]).sort((a, b) => a - b);
    const step = steps[steps.length >> 1] ?? 1000;
    const spans = (list) => clipped(list, times, step);
    const alerts = data.alerts.filter((one) => one.state !== "dropped");
    const bands = (list) => spans(list.map((one) => [one.started, one.last]));
    const labels = (verdict) => data.labels.filter((one) => one.verdict === verdict);
    const heard = (verdict) => labels(verdict).map((one) => one.heard).filter((t) => t !== null && t >= times[0]);
    const line = (name, values, more) => ({
      type: "scatter", mode: "lines", name: plain(name), ...broken(data, values), hovertemplate: "%{y:.4f}", ...more,
    });
    return [
      band("alerts", bands(alerts.filter((one) => one.id !== chosen)), variable("--anomaly")),
      band("chosen alert", bands(alerts.filter((one) => one.id === chosen)), variable("--anomaly-solid") + "66"),
      moments("heard true", heard(true), yes),
      moments("heard false alarm", heard(false), no),
      line("threshold", data.thresholds, { line: { color: variable("--accent"), width: 1.8, shape: "hvh" } }),
      line("score", data.scores, { line: { color: variable("--score"), width: 1.3 } }),
      strip(0, spans(flaggedSpans(data)), variable("--score")),
      strip(1, bands(alerts), variable("--pending")),
      strip(2, spans(labels(true).map((one) => [one.since, one.until])), yes),
      strip(3, spans(labels(false).map((one) => [one.since, one.until])), no),
      ...Object.entries(data.points).slice(0, MOST_METRICS).map(([name, values], i) => line(name, values, {
        yaxis: `y${i + 3}`, line: { color: variable("--score"), width: 1.2 }, hovertemplate: "%{y:.6~g}",
      })),
    ];
  }

  function layout(data) {
    const names = Object.keys(data.points).slice(0, MOST_METRICS), grid = variable("--grid");
    const inner = SCORES + STRIPS + METRIC * names.length, height = inner + 34 + 36;
    const axis = (top, size, more) => ({
      domain: [Math.max(0, 1 - (top + size) / inner), 1 - top / inner], fixedrange: true, gridcolor: grid,
      linecolor: variable("--line"), zeroline: false, automargin: false, ...more,
    });
    const metrics = names.map((name, i) => [`yaxis${i + 3}`, axis(SCORES + STRIPS + i * METRIC + 22, METRIC - 26, { nticks: 3 })]);
    const titles = names.map((name, i) => ({
      text: plain(name), xref: "paper", x: 0, xanchor: "left", yref: "paper", yanchor: "bottom", showarrow: false,
      y: 1 - (SCORES + STRIPS + i * METRIC + 21) / inner, font: { size: 12, color: variable("--text") },
    }));
    return {
      height, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", uirevision: "kept", // zoom outlives refreshes
      font: { family: "system-ui, sans-serif", size: 12, color: variable("--quiet") }, showlegend: false,
      margin: { l: narrow() ? 40 : 76, r: 14, t: 34, b: 36 }, hovermode: "x unified", dragmode: TOUCH ? false : "zoom",
      hoverlabel: { bgcolor: variable("--card"), bordercolor: variable("--line"), font: { color: variable("--text") } },
      modebar: { bgcolor: "rgba(0,0,0,0)" }, annotations: titles,
      xaxis: {
        type: "date", gridcolor: grid, linecolor: variable("--line"), zeroline: false, showspikes: false,
        anchor: `y${names.length + 2}`, nticks: narrow() ? 4 : undefined,
      },
      yaxis: axis(0, SCORES - 14, { range: [-0.03, 1.05], fixedrange: false, nticks: 5 }),
      yaxis2: axis(SCORES - 6, STRIPS, {
        range: [ROWS.length - 0.4, -0.6], showgrid: false, tickvals: narrow() ? [] : ROWS.map((_, i) => i), ticktext: ROWS,
      }),
      ...Object.fromEntries(metrics),
    };
  }

  return {
    draw(element, data, chosen) {
      return data.times.length ? Plotly.react(element, traces(data, chosen), layout(data), CONFIG) : undefined;
    },
    zoom(element, from, to) {
      const around = Math.max(15 * 60_000, 4 * (to - from));
      return Plotly.relayout(element, { "xaxis.range": [from - around, to + around] });
    },
  };
})();
