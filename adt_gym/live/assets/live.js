"use strict";
(() => {
  const EVERY = 5000; // milliseconds between two looks
  const main = document.querySelector("main"), series = main.dataset.series, status = document.getElementById("status");
  const csrf = document.querySelector("meta[name=csrf]"), chart = document.getElementById("chart");
  const points = document.getElementById("points");
  let data = null, chosen = new URLSearchParams(location.search).get("alert"), marked = chosen, lost = false;

  let silence;
  function say(text, kind = "") {
    status.textContent = text;
    status.dataset.kind = kind;
    clearTimeout(silence);
    if (kind === "done") silence = setTimeout(say, 6000, "");
  }

  async function get(address) {
    const answer = await fetch(address, { headers: { Accept: "application/json, text/html;q=0.9" } });
    if (answer.redirected && new URL(answer.url).pathname === "/login") location.reload();
    if (!answer.ok) throw new Error(`the service answers ${answer.status}`);
    return answer;
  }

  // Alerts

  const rows = () => [...document.querySelectorAll("tr[data-alert]")];
  const row = (id) => rows().find((one) => one.dataset.alert === id);

  function choose(id) {
    chosen = id;
    for (const one of rows()) one.classList.toggle("chosen", one.dataset.alert === id);
  }

  function move(by) {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((one) => one.dataset.alert === chosen);
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))];
    choose(next.dataset.alert);
    next.focus();
    next.scrollIntoView({ block: "nearest" });
    draw();
  }

  const press = (of, verdict) =>
    of?.querySelectorAll("[data-verdict]").forEach((button) =>
      button.setAttribute("aria-pressed", button.dataset.verdict === String(verdict)));

  async function tell(id, verdict) {
    const before = row(id)?.querySelector("[aria-pressed=true]")?.dataset.verdict;
    press(row(id), verdict);
    const words = verdict ? "true" : "false alarm";
    say(`Telling: ${words} …`);
    try {
      const answer = await fetch("/labels", {
        method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf.content },
        body: JSON.stringify({ alert: id, verdict }),
      });
      const told = await answer.json();
      if (!answer.ok) throw new Error(told.error);
      say(told.label === "new" ? `Told: ${words}. The threshold hears it with the next point.` : `Already told: ${words}.`, "done");
      await look();
    } catch (error) {
      press(row(id), before);
      say(`Not told: ${error.message}`, "error");
    }
  }

  // What is new

  // Takes over parts of the page as the service would write it now; what has the focus keeps it.
  function freshen(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    csrf.content = fresh.querySelector("meta[name=csrf]").content; // another one after a restart
    for (const part of document.querySelectorAll("[data-fresh]")) {
      const other = fresh.querySelector(`[data-fresh="${part.dataset.fresh}"]`);
      if (!other || part.dataset.html === other.innerHTML) continue;
      part.dataset.html = other.innerHTML;
      const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
      part.replaceChildren(...other.childNodes);
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    }
    choose(chosen);
  }

  async function load() {
    if (!series) return;
    const limit = Number(points.value);
    const fresh = await (await get(`/api/series/${series}?since=${data?.next ?? 0}&points=${limit}`)).json();
    if (data) {
      const joined = (name, from, to) => (to[name] = [...from[name], ...to[name]].slice(-limit));
      for (const name of ["times", "gaps", "scores", "thresholds", "votes"]) joined(name, data, fresh);
      for (const name of Object.keys(fresh.points)) joined(name, data.points, fresh.points);
    }
    data = fresh;
  }

  async function draw() {
    if (!series || !data) return;
    await liveChart.draw(chart, data, chosen);
    document.documentElement.dataset.drawn = data.times.length;
  }

  let looking = null;
  function look() {
    looking = (looking ?? Promise.resolve()).then(async () => {
      const html = await (await get(location.href)).text();
      freshen(html);
      await load();
      await draw();
    });
    const now = looking;
    looking = looking.catch(() => {});
    return now;
  }

  let next;
  async function watch() {
    clearTimeout(next);
    if (document.hidden) return; // until somebody looks again
    try {
      await look();
      if (lost) say("");
      lost = false;
    } catch (error) {
      if (!lost) say(`No news from the service: ${error.message}`, "error");
      lost = true;
    }
    clearTimeout(next);
    next = setTimeout(watch, EVERY);
  }

  // What people do

  document.addEventListener("click", (event) => {
    const of = event.target.closest("tr[data-alert]");
    if (!of) return;
    choose(of.dataset.alert);
    const button = event.target.closest("[data-verdict]");
    if (button) tell(of.dataset.alert, button.dataset.verdict === "true");
    else draw();
  });
  document.addEventListener("focusin", (event) => {
    const of = event.target.closest("tr[data-alert]");
    if (of) choose(of.dataset.alert);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "Enter" && event.target.matches("tr[data-alert]")) event.target.querySelector("a").click();
    else if ((event.key === "t" || event.key === "f") && row(chosen) && !event.repeat) tell(chosen, event.key === "t");
    else return;
    event.preventDefault();
  });
  document.addEventListener("visibilitychange", watch);
  points?.addEventListener("change", () => {
    data = null;
    look().catch(() => {});
  });
  matchMedia("(prefers-color-scheme: dark)").onchange = draw;

  async function begin() {
    if (series && marked) {
      await load();
      const of = row(marked);
      if (of && data.times.length && Number(of.dataset.started) < data.times[0]) {
        points.value = points.options[points.options.length - 1].value;
        data = null;
        await load();
      }
      await draw();
      if (of) {
        await liveChart.zoom(chart, Number(of.dataset.started), Number(of.dataset.last));
        of.scrollIntoView({ block: "nearest" });
      }
    }
    document.documentElement.dataset.ready = "";
  }
  begin().catch(() => {}).then(watch);
})();
