// The wall: asks the service how it stands, listens for news, and writes it down as text, never as markup.

import { LEVELS, duration, openCount, word } from "/words.js";

const REFRESH_MS = 5000;
const NEWS_MS = 250; // several pieces of news at once are one refresh
const RETRY_MS = 2000;
const SILENT_MS = 40000; // the service says something every 15 s
const CHANGES_MAX = 12;

const at = (id) => document.getElementById(id);
const rank = (level) => LEVELS.indexOf(level);
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const changes = [];
let heard = false; // the page hears the service
let lastEventId = "";
let due = 0;

// --- writing -------------------------------------------------------------------------------------------------

/** Make an element; children are elements or text. */
function make(tag, name, ...children) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** A text in both languages; the style sheet shows the chosen ones. The same text twice is shown once. */
function both(texts, tag = "span") {
  const zh = texts?.zh ?? texts?.en ?? "";
  const en = texts?.en ?? texts?.zh ?? "";
  if (zh === en) return make(tag, "", zh);
  return make(tag, "", make("span", "zh", zh), " ", make("span", "en", en));
}

const say = (name, tag) => both(word(name), tag);

function levelBlock(level) {
  const block = say(level);
  block.classList.add("level");
  block.dataset.level = level;
  return block;
}

const place = (key) => Object.values(key).filter((part) => part !== "").join(" · ");
const show = (value) => (value === null || value === undefined ? "–" : number.format(value));
// Times are shown in the zone of the site, whatever the reader's, and ages count by the clock events live in.
let zone = "UTC";
let aheadMs = 0; // the service's clock less ours
const now = () => Date.now() + aheadMs;
const zoned = (time, how) => new Intl.DateTimeFormat("sv-SE", { timeZone: zone, ...how }).format(time);
const clock = (text) => zoned(new Date(text), { timeStyle: "medium" });
const offset = (time) => new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" }).formatToParts(time).find((part) => part.type === "timeZoneName").value.replace("GMT", "") || "+00:00";

function fact(name, ...content) {
  return make("div", "fact", make("dt", "", say(name)), make("dd", "", ...content));
}

// --- the parts of the wall -----------------------------------------------------------------------------------

function verdict(open, levels) {
  const worst = open.length ? open[0].level : levels.some((row) => row.level === "blind") ? "blind" : "green";
  const node = at("verdict");
  if (!heard) {
    node.dataset.level = "blind";
    node.replaceChildren(levelBlock("blind"), say("stale", "p"));
  } else if (!levels.length && !open.length) {
    node.dataset.level = "blind";
    node.replaceChildren(levelBlock("blind"), make("div", "", say("waiting", "p"), say("waiting_hint", "small")));
  } else if (open.length) {
    node.dataset.level = worst;
    node.replaceChildren(levelBlock(worst), both(openCount(open.length), "p"));
  } else {
    node.dataset.level = worst;
    node.replaceChildren(levelBlock(worst), say(worst === "blind" ? "quiet_blind" : "quiet", "p"));
  }
  const name = word(node.dataset.level);
  document.title = `${name.zh} ${name.en} · Tocsin 警钟`;
}

function incident(row) {
  const since = make("time", "", clock(row.since), " · ", both(duration(now() - Date.parse(row.since))));
  since.title = row.since;
  const card = make(
    "article",
    "incident",
    levelBlock(row.level),
    make(
      "div",
      "body",
      make("p", "state", say(row.state), make("code", "", row.rule)),
      both(row.title, "h3"),
      both(row.summary, "p"),
      make(
        "dl",
        "",
        fact("where", place(row.key) || say("everywhere")),
        fact("since", since),
        fact("value", make("b", "", show(row.value))),
        fact("threshold", show(row.threshold)),
        row.users && row.users !== row.value ? fact("users", show(row.users)) : null,
        row.alerts > 1 ? fact("alerts", show(row.alerts)) : null,
      ),
      row.unexplained ? make("p", "blind-note", say("unexplained_note")) : null,
      row.muted?.length ? make("p", "blind-note", say("muted_note"), " ", row.muted.join("; ")) : null,
      row.action?.zh || row.action?.en ? make("dl", "action", fact("act_on", both(row.action, "p"))) : null,
      row.blind ? make("p", "blind-note", say("blind_note")) : null,
    ),
  );
  card.dataset.level = row.level;
  card.dataset.state = row.state;
  return card;
}

/** Who was told, in order: when, or when the next is told without anybody asking. */
function audience(one, next) {
  const when = one.told ? clock(one.told) : one.waiting && next ? clock(next) : "";
  const how = one.told ? "told" : !one.waiting ? "not_told" : next ? "next" : "later";
  return make("li", how, one.audience, " ", say(how), when ? " " : "", when);
}

function audiences(row) {
  let next = row.next_audience;
  const told = (row.audiences ?? []).map((one) => {
    const shown = audience(one, next);
    if (one.waiting) next = null; // the others wait for that one
    return shown;
  });
  return told.length ? make("ol", "audiences", ...told) : null;
}

function notice(row) {
  const card = make(
    "article",
    "notice",
    make("div", "notice-head", levelBlock(row.level), say(row.state), row.due ? make("time", "", say("due"), " ", clock(row.due)) : null),
    both(row.title, "h3"),
    audiences(row),
    make("p", "zh", row.text.zh ?? ""),
    make("p", "en", row.text.en ?? ""),
  );
  card.dataset.state = row.state;
  return card;
}

/** Rules down, regions across, the worst first; a cell is the worst of its series. No region is the first column. */
function strip(levels) {
  const rules = new Map();
  const worst = new Map(); // rule or region → rank of the worst level in it
  for (const row of levels) {
    const line = rules.get(row.rule) ?? { title: row.title, cells: new Map() };
    const region = row.key.region || "";
    const known = line.cells.get(region);
    if (!known || rank(row.level) < rank(known.level)) line.cells.set(region, row);
    rules.set(row.rule, line);
    for (const name of [`rule ${row.rule}`, `region ${region}`]) {
      worst.set(name, Math.min(worst.get(name) ?? LEVELS.length, rank(row.level)));
    }
  }
  const sorted = (names, kind) =>
    [...names].sort((a, b) => worst.get(`${kind} ${a}`) - worst.get(`${kind} ${b}`) || a.localeCompare(b, "zh"));
  const regions = sorted(new Set(levels.map((row) => row.key.region || "")), "region");
  const lines = sorted(rules.keys(), "rule").map((rule) => {
    const line = rules.get(rule);
    const name = both(line.title ?? { zh: rule, en: rule }, "th");
    name.title = rule;
    return make("tr", "", name, ...regions.map((region) => cell(line.cells.get(region))));
  });
  const head = make("tr", "", make("th"), ...regions.map((region) => make("th", "", region || say("everywhere"))));
  return make("table", "", make("thead", "", head), make("tbody", "", ...lines));
}

function cell(row) {
  if (!row) return make("td", "none");
  const node = make("td", "", levelBlock(row.level));
  if (row.level !== "green" && row.value !== null) node.append(make("small", "", show(row.value)));
  node.title = `${place(row.key)} ${show(row.value)}`;
  return node;
}

function stream(name, rate, lag) {
  const card = make(
    "div",
    "stream",
    make("h3", "", say(name)),
    make("p", "", make("b", "", number.format(rate)), " ", say("per_second")),
    make("p", "lag", ...(lag === null ? [say("lag_none")] : [say("lag"), ` ${number.format(lag)} s`])),
  );
  card.dataset.known = String(lag !== null);
  return card;
}

function change(news) {
  const row = make("li", "", make("time", "", clock(news.time)), levelBlock(news.level), make("span", "", both(news.title), " ", make("span", "place", place(news.key ?? {}))));
  row.title = `${news.rule ?? ""} ${word(news.reason ?? "").zh}`;
  return row;
}

const hint = (name) => make("p", "hint", say(name));

// --- the incident that a link names --------------------------------------------------------------------------

let history = []; // of the incident that is named, as far as the service keeps it

/** The incident of `#incident=ID`; messages link to it. */
const named = () => new URLSearchParams(location.hash.slice(1)).get("incident") ?? "";

function chosen(incidents) {
  const id = named();
  const row = incidents.find((one) => one.id === id);
  at("chosen").hidden = !id;
  if (!id) return;
  const lines = history.map((line) =>
    make("li", "", make("time", "", clock(line.time)), levelBlock(line.level), make("span", "", say(line.what), " ", line.by, " ", line.text)),
  );
  at("chosen").replaceChildren(
    say("chosen", "h2"),
    row ? incident(row) : hint("chosen_gone"),
    ...(lines.length ? [make("ol", "changes", ...lines)] : []),
  );
}

async function tellHistory() {
  try {
    history = named() ? (await read(`/api/v1/incidents/${encodeURIComponent(named())}`)).timeline : [];
  } catch {
    history = []; // it is kept by another worker, or no longer
  }
}

addEventListener("hashchange", async () => {
  history = [];
  await refresh();
  at("chosen").scrollIntoView();
});

function draw({ incidents, notices, levels, rates, lag }) {
  const open = incidents
    .filter((row) => row.state !== "resolved")
    .sort((a, b) => rank(a.level) - rank(b.level) || Date.parse(a.since) - Date.parse(b.since));
  verdict(open, levels);
  chosen(incidents);
  at("incidents").replaceChildren(...(open.length ? open.map(incident) : [hint("incidents_none")]));
  const latest = [...notices].sort((a, b) => Date.parse(b.created) - Date.parse(a.created));
  at("notices").replaceChildren(...(latest.length ? latest.map(notice) : [hint("notices_none")]));
  at("levels").replaceChildren(levels.length ? strip(levels) : hint("waiting"));
  const streams = Object.keys(rates);
  at("flow").replaceChildren(
    ...(streams.length ? streams.map((name) => stream(name, rates[name], lag[name] ?? null)) : [hint("waiting")]),
  );
  at("changes").replaceChildren(...(changes.length ? changes.map(change) : [make("li", "hint", say("changes_none"))]));
}

// --- asking and listening ------------------------------------------------------------------------------------

function ask(path, more = {}) {
  const token = sessionStorage.getItem("token");
  const headers = { ...more.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  return fetch(path, { ...more, headers, cache: "no-store" });
}

async function read(path) {
  const answer = await ask(path);
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

let known = { incidents: [], notices: [], levels: [], rates: {}, lag: {} };

async function refresh() {
  clearTimeout(due);
  try {
    const parts = await Promise.all(["incidents", "notices", "levels", "flow"].map((name) => read(`/api/v1/${name}`)));
    known = Object.assign({}, ...parts);
    zone = known.zone;
    aheadMs = Date.parse(known.now) - Date.now();
    heard = true;
    await tellHistory();
  } catch (error) {
    heard = false;
    link(error.message === "401" ? "locked" : "lost");
    at("door").hidden = error.message !== "401";
  }
  document.body.classList.toggle("stale", !heard);
  draw(known);
  due = setTimeout(refresh, REFRESH_MS);
}

function soon() {
  clearTimeout(due);
  due = setTimeout(refresh, NEWS_MS);
}

function link(name) {
  at("link").dataset.state = name;
  at("link").replaceChildren(say(name));
}

/** Listen with fetch: EventSource can carry no token. Ends when the service goes or says nothing for too long. */
async function listen() {
  const stop = new AbortController();
  let patience = setTimeout(() => stop.abort(), SILENT_MS);
  const answer = await ask("/api/v1/events", { signal: stop.signal, headers: lastEventId ? { "Last-Event-ID": lastEventId } : {} });
  if (!answer.ok) throw new Error(String(answer.status));
  link("live");
  at("door").hidden = true;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    clearTimeout(patience);
    patience = setTimeout(() => stop.abort(), SILENT_MS);
    const frames = (text + value).split("\n\n");
    text = frames.pop();
    frames.forEach(take);
  }
}

function take(frame) {
  const field = Object.fromEntries(frame.split("\n").map((line) => line.split(/: (.*)/s, 2)));
  if (!field.data) return;
  lastEventId = field.id;
  if (field.event === "alert") {
    changes.unshift(JSON.parse(field.data));
    changes.length = Math.min(changes.length, CHANGES_MAX);
    draw(known);
  }
  soon();
}

async function keepListening() {
  for (;;) {
    try {
      await listen();
      link("lost");
    } catch (error) {
      link(error.message === "401" ? "locked" : "lost");
    }
    soon();
    await new Promise((done) => setTimeout(done, RETRY_MS));
  }
}

// --- the reader's choices ------------------------------------------------------------------------------------

function choose(lang) {
  document.documentElement.dataset.lang = lang;
  document.documentElement.lang = lang === "en" ? "en" : "zh-CN";
  for (const button of document.querySelectorAll("[data-choose]")) {
    button.setAttribute("aria-pressed", String(button.dataset.choose === lang));
  }
  localStorage.setItem("lang", lang);
}

for (const button of document.querySelectorAll("[data-choose]")) {
  button.addEventListener("click", () => choose(button.dataset.choose));
}
at("door").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", at("token").value);
  at("token").value = "";
  refresh();
});
setInterval(() => {
  const time = new Date(now());
  at("clock").textContent = `${zoned(time, { dateStyle: "short", timeStyle: "medium" })} ${offset(time)}`;
}, 1000);

const asked = new URLSearchParams(location.search).get("lang");
choose(["zh", "en", "both"].find((lang) => lang === asked) ?? localStorage.getItem("lang") ?? "both");
link("asking");
at("verdict").replaceChildren(levelBlock("blind"), say("asking", "p"));
refresh().then(keepListening);
