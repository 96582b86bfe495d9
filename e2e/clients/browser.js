// Chromium on the demo page of a running roost.
// usage: node browser.js URL [SCREENSHOT.png]
import assert from "node:assert/strict";
import { withBrowser } from "./chromium.js";

const [url, screenshot] = process.argv.slice(2);
await withBrowser(async (browser) => {
  const page = await browser.newPage();
  const faults = [];
  page.on("pageerror", (e) => faults.push(String(e)));
  page.on("console", (m) => { if (m.type() === "error") faults.push(m.text()); });
  page.on("request", (r) => { if (!r.url().startsWith(url)) faults.push(`foreign request to ${r.url()}`); });
  await page.goto(url);

  // Each symbol's price moves, and moves on.
  const symbols = ["NORD", "SUD", "OST", "WEST", "ZENIT"];
  const changes = await page.evaluate(async (names) => {
    const count = Object.fromEntries(names.map((n) => [n, 0]));
    const last = {};
    const end = Date.now() + 15000;
    while (Date.now() < end && names.some((n) => count[n] < 10)) {
      for (const n of names) {
        const cell = document.querySelector(`[data-testid="price-${n}"]`);
        const text = cell ? cell.textContent : "";
        if (text && text !== last[n]) { count[n]++; last[n] = text; }
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return count;
  }, symbols);
  for (const s of symbols) assert.ok(changes[s] >= 10, `the price of ${s} changed ${changes[s]} times`);

  const number = async (id) => Number((await page.getByTestId(id).textContent()).replace(/[^\d.]/g, ""));
  await page.waitForFunction(() => /[1-9]/.test(document.querySelector('[data-testid="stat-delivery-rate"]')?.textContent ?? ""));
  assert.ok((await number("stat-connections")) >= 1, "no connection is shown");
  assert.ok((await number("stat-delivery-rate")) > 0, "no delivery rate is shown");
  if (screenshot) await page.screenshot({ path: screenshot, fullPage: true });
  assert.deepEqual(faults, []);
  console.log("ok", JSON.stringify(changes));
});
