// The ticker: a card for each symbol with its price, change and a line of the
// last prices, drawn at most once for each frame of the screen.

const $ = (id) => document.getElementById(id);
const money = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

const kept = 200; // prices of each symbol: 20 seconds
const cards = new Map();
let received = 0, last = 0, paused = false, dirty = false;

export function addCard(symbol) {
  if (cards.has(symbol)) return;
  const item = $("card").content.firstElementChild.cloneNode(true);
  item.dataset.testid = "card-" + symbol;
  const part = (selector, name) => {
    const element = item.querySelector(selector);
    element.dataset.testid = name + "-" + symbol;
    return element;
  };
  item.querySelector("h3").textContent = symbol;
  cards.set(symbol, { price: part(".price", "price"), change: part(".change", "change"), canvas: part("canvas", "spark"), prices: [], quote: null, fresh: false });
  $("ticker").append(item);
}

// takeQuote takes a message, and says whether it is one of the feed.
export function takeQuote(text) {
  let quote;
  try { quote = JSON.parse(text); } catch { return false; }
  const card = cards.get(quote?.symbol);
  if (!card || !Number.isFinite(quote.price) || !Number.isFinite(quote.open)) return false;
  last = performance.now();
  received++;
  if (paused) return true;
  card.quote = quote;
  card.prices.push(quote.price);
  if (card.prices.length > kept) card.prices.shift();
  card.fresh = true;
  draw();
  return true;
}

// draw draws what has changed, once for each frame of the screen.
function draw() {
  if (dirty) return;
  dirty = true;
  requestAnimationFrame(() => {
    dirty = false;
    const style = getComputedStyle(document.documentElement);
    for (const card of cards.values()) if (card.fresh) drawCard(card, style);
  });
}

function drawCard(card, style) {
  card.fresh = false;
  const { price, open } = card.quote;
  const percent = (price - open) / open * 100;
  const way = Math.abs(percent) < 0.005 ? "even" : percent > 0 ? "up" : "down";
  card.price.textContent = money.format(price);
  card.change.dataset.way = way;
  card.change.textContent = (way === "up" ? "▲ +" : way === "down" ? "▼ −" : "") + money.format(Math.abs(percent)) + " %";
  spark(card.canvas, card.prices, open, style.getPropertyValue(way === "down" ? "--down" : way === "up" ? "--up" : "--soft"), style.getPropertyValue("--line"));
}

// spark draws the line of prices, with a dashed one where they began.
function spark(canvas, prices, open, color, faint) {
  const ratio = devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
  }
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, w, h);
  let low = Math.min(...prices), high = Math.max(...prices);
  const least = open * 0.002; // a calm minute must not look like a storm
  if (high - low < least) { const middle = (high + low) / 2; low = middle - least / 2; high = middle + least / 2; }
  const x = (i) => (w - 10) * (i + kept - prices.length) / (kept - 1);
  const y = (v) => h - 10 - (h - 18) * (v - low) / (high - low);
  if (open >= low && open <= high) {
    g.strokeStyle = faint; g.lineWidth = 1; g.setLineDash([3, 4]);
    g.beginPath(); g.moveTo(0, y(open)); g.lineTo(w, y(open)); g.stroke();
    g.setLineDash([]);
  }
  g.beginPath();
  prices.forEach((v, i) => (i ? g.lineTo(x(i), y(v)) : g.moveTo(x(i), y(v))));
  g.strokeStyle = color; g.lineWidth = 1.8; g.lineJoin = "round";
  g.stroke();
  const end = prices.length - 1;
  g.lineTo(x(end), h); g.lineTo(x(0), h); g.closePath();
  g.globalAlpha = 0.12; g.fillStyle = color; g.fill(); g.globalAlpha = 1;
  g.beginPath(); g.arc(x(end), y(prices[end]), 3, 0, 7); g.fill();
}

// redraw draws all anew, as in other colors.
export function redraw() {
  for (const card of cards.values()) card.fresh = card.quote !== null;
  draw();
}
addEventListener("resize", redraw);

$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").textContent = paused ? "Go on" : "Pause";
  $("pause").setAttribute("aria-pressed", String(paused));
});

// begin says that prices are about to come.
export function begin() { last = performance.now(); }

// quiet gives the milliseconds since the last price.
export function quiet() { return performance.now() - last; }

// takeCount gives how many prices have come since it was last asked.
export function takeCount() {
  const n = received;
  received = 0;
  return n;
}
