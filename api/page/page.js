// The page of roost: figures of the server by polling, and in the demo a ticker
// by WebSocket. All that comes from outside is shown as text, never as markup.

import { addCard, begin, quiet, redraw, takeCount, takeQuote } from "/ticker.js";

const $ = (id) => document.getElementById(id);
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

// ---- What is known of the server ----

let demo = null; // the answer of /page.json
let secret = sessionStorage.getItem("roost-secret") || "";

class Refused extends Error {
  constructor(status, message) { super(message); this.status = status; }
}

// call asks the API; a failure throws Refused with the API's own words.
async function call(path, options = {}) {
  const headers = { ...options.headers };
  if (secret) headers.Authorization = "Bearer " + secret;
  const answer = await fetch(path, { ...options, headers, cache: "no-store", signal: AbortSignal.timeout(5000) });
  if (answer.ok) return answer.json();
  let message = answer.status + " " + answer.statusText;
  try { message = (await answer.json()).message || message; } catch { /* not the API's */ }
  throw new Refused(answer.status, message);
}

// ---- State ----

function setState(state, text) {
  $("state").dataset.state = state;
  if ($("state-text").textContent !== text) $("state-text").textContent = text;
  $("ticker").dataset.live = String(state === "live" || state === "stalled");
}

// setAway shows or hides what is wrong. The seconds change too often to be read
// out, and stand apart.
function setAway(text, seconds) {
  $("away").hidden = !text;
  if ($("away-text").textContent !== text) $("away-text").textContent = text;
  $("away-seconds").textContent = seconds ? `Trying again in ${seconds} s.` : "";
}

// backoff gives the milliseconds before try n: anything up to a bound that
// doubles, so that the clients of a server that comes back do not come at once.
const backoff = (n) => Math.random() * Math.min(15000, 500 * 2 ** n) + 50;

let skipWait = null; // ends the wait between two tries

// pause waits and tells how long it still takes; the button ends it.
async function pause(ms, tell) {
  const until = performance.now() + ms;
  let skipped = false;
  const skip = new Promise((done) => { skipWait = () => { skipped = true; done(); }; });
  while (!skipped && performance.now() < until) {
    tell(((until - performance.now()) / 1000).toFixed(1));
    await Promise.race([wait(Math.min(200, until - performance.now())), skip]);
  }
  skipWait = null;
}

$("retry").addEventListener("click", () => skipWait?.());
addEventListener("online", () => skipWait?.());

// ---- Secret ----

let unlocked = null; // ends the wait for a secret

function lock(text) {
  $("lock").hidden = false;
  $("lock-text").textContent = text;
  for (const id of ["stats", "ticker-section", "demo", "hint", "links"]) $(id).hidden = true;
  setState("locked", "Locked");
  setAway("");
  $("secret").focus();
  return new Promise((done) => { unlocked = done; });
}

$("lock").addEventListener("submit", (event) => {
  event.preventDefault();
  secret = $("secret").value.trim();
  $("secret").value = "";
  $("lock").hidden = true;
  unlocked?.();
});

let learning = null; // what is under way

// learn asks for /page.json until there is an answer.
function learn() {
  learning ??= ask().finally(() => { learning = null; });
  return learning;
}

async function ask() {
  for (let tries = 0; ; tries++) {
    try {
      demo = await call("/page.json");
      if (secret) sessionStorage.setItem("roost-secret", secret);
      return;
    } catch (error) {
      if (error instanceof Refused && error.status === 401) {
        const wrong = secret !== "";
        secret = "";
        sessionStorage.removeItem("roost-secret");
        await lock(wrong ? "This is not the secret." : "");
        setState("connecting", "Connecting");
        tries = -1;
        continue;
      }
      const why = error instanceof Refused ? error.message : "The server does not answer.";
      await pause(backoff(tries), (s) => {
        setState("away", "Server is away");
        setAway(why, s);
      });
    }
  }
}

function show() {
  $("version").textContent = demo.version;
  $("stats").hidden = false;
  $("hint").hidden = demo.dev;
  $("ticker-section").hidden = $("demo").hidden = !demo.dev;
  $("links").hidden = secret !== ""; // a link cannot bring it
  if (!demo.dev) return;
  for (const symbol of demo.symbols) addCard(symbol);
  if (!$("room").value) $("room").value = demo.lobby;
  $("lobby").textContent = demo.lobby;
  const bearer = secret ? '-H "Authorization: Bearer $ROOST_ADMIN_SECRET" ' : "";
  $("curl").textContent = `curl ${bearer}-d 'hello' ${location.origin}/v1/rooms/${demo.lobby}/publish`;
}

// ---- Figures ----

const whole = new Intl.NumberFormat("en");
let before = null;

function showFigures(now) {
  $("connections").textContent = whole.format(now.connections);
  $("rooms").textContent = whole.format(now.rooms);
  $("dropped").textContent = whole.format(now.dropped);
  $("uptime").textContent = lasting(now.uptime_seconds);
  const seconds = before ? now.uptime_seconds - before.uptime_seconds : 0;
  if (seconds < 0) gone?.(); // the server was started anew
  if (seconds > 0) {
    $("delivered").textContent = whole.format(Math.round((now.delivered - before.delivered) / seconds));
    $("published").textContent = whole.format(Math.round((now.published - before.published) / seconds));
  }
  before = now;
}

function lasting(s) {
  if (s < 120) return Math.floor(s) + " s";
  if (s < 7200) return Math.floor(s / 60) + " min";
  if (s < 172800) return Math.floor(s / 3600) + " h";
  return Math.floor(s / 86400) + " d";
}

let gone = null; // told when the figures do not come

// watch polls the figures each second, as long as somebody can see them.
async function watch() {
  for (let failed = 0; ;) {
    if (!document.hidden && !learning) {
      try {
        const now = await call("/v1/stats");
        failed = 0;
        showFigures(now);
        if (!demo.dev) setState(now.draining ? "waiting" : "live", now.draining ? "Draining" : "Running");
      } catch (error) {
        if (error instanceof Refused && error.status === 401) { await learn(); show(); continue; }
        if (++failed >= 2) gone?.();
      }
    }
    await wait(failed ? backoff(Math.min(failed, 3)) + 500 : 1000);
  }
}

setInterval(() => {
  $("rate").textContent = whole.format(takeCount());
  const state = $("state").dataset.state;
  if (state === "live" && demo?.dev && quiet() > 3000) setState("stalled", "Connected, no prices");
  else if (state === "stalled" && quiet() < 3000) setState("live", "Live");
}, 1000);

// ---- Messages ----

function addMessage(text, binary) {
  const item = document.createElement("li"), time = document.createElement("time"), what = document.createElement("span");
  time.textContent = new Date().toLocaleTimeString("en-GB");
  what.textContent = text.length > 2000 ? text.slice(0, 2000) + "…" : text || "(empty)";
  if (binary) what.className = "binary";
  item.append(time, what);
  $("messages").prepend(item);
  while ($("messages").childElementCount > 50) $("messages").lastElementChild.remove();
  $("no-messages").hidden = true;
}

// ---- WebSocket ----

function address() {
  const [first, ...more] = demo.rooms;
  const query = new URLSearchParams({ rooms: more.join(",") });
  if (demo.token) query.set("token", demo.token);
  return `${demo.url}/rooms/${first}?${query}`;
}

// talk opens one connection and gives its end, once it has come.
function talk() {
  return new Promise((done) => {
    let opened = 0;
    const socket = new WebSocket(address());
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      opened = performance.now();
      begin();
      setState("live", "Live");
      setAway("");
    };
    socket.onmessage = ({ data }) => {
      if (typeof data !== "string") addMessage(`${whole.format(data.byteLength)} bytes, binary`, true);
      else if (!takeQuote(data)) addMessage(data, false);
    };
    socket.onclose = ({ code, reason }) => done({ code, reason, lasted: opened ? performance.now() - opened : 0, opened: opened > 0 });
  });
}

// connect holds a connection until it ends, and waits as it should before the
// next one. It gives the number of tries that were in vain.
async function connect(tries) {
  setState("connecting", "Connecting");
  const end = await talk();
  if (end.lasted > 5000) tries = 0;
  const why = farewell(end);
  if (end.code >= 4500 && end.code <= 4999) {
    setState("refused", "Sent away");
    setAway(why);
    await new Promise((done) => { skipWait = done; });
    skipWait = null;
    return 0;
  }
  const told = /^retry=(\d+)$/.exec(end.reason);
  await pause(end.code === 1001 && told ? Math.min(Number(told[1]), 60000) : backoff(tries), (s) => {
    setState("waiting", "Reconnecting");
    setAway(why, s);
  });
  return tries + 1;
}

function farewell({ code, reason, opened }) {
  if (!opened) return "The server takes no connection.";
  if (code === 1001) return "The server is going away.";
  if (code === 1006) return "The server went away without a word.";
  return `The server closed the connection: ${code}${reason ? " " + reason : ""}.`;
}

// ---- Publishing ----

async function publish() {
  const room = $("room").value.trim(), button = document.querySelector("#publish button");
  const say = (text, bad) => { $("result").textContent = text; $("result").classList.toggle("bad", bad); };
  button.disabled = true;
  try {
    const at = await call(`/v1/rooms/${encodeURIComponent(room)}/publish`, { method: "POST", headers: { "Content-Type": "text/plain; charset=utf-8" }, body: $("text").value });
    say(`Published to ${at.room} at offset ${whole.format(at.offset)}.` + (demo.rooms.includes(at.room) ? "" : " This page does not listen there."), false);
    $("text").value = "";
  } catch (error) {
    say(error instanceof Refused ? error.message : "The server does not answer.", true);
  } finally {
    button.disabled = false;
  }
}

$("publish").addEventListener("submit", (event) => { event.preventDefault(); publish(); });
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); $("publish").requestSubmit(); }
});

// ---- Light and dark ----

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme || (prefersDark.matches ? "dark" : "light")) === "dark";

function showTheme() {
  $("theme").textContent = isDark() ? "Light" : "Dark";
  redraw();
}

$("theme").addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("roost-theme", theme);
  showTheme();
});
prefersDark.addEventListener("change", showTheme);
{
  const theme = localStorage.getItem("roost-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  showTheme();
}

// ---- Start ----

// What is known is asked for anew each time: a server that was started again has
// another token, or is no demo any more.
(async () => {
  let tries = 0;
  await learn();
  watch();
  for (;;) {
    show();
    if (!demo.dev) setAway("");
    if (demo.dev) tries = await connect(tries);
    else await new Promise((done) => { gone = done; });
    gone = null;
    await learn();
  }
})();
