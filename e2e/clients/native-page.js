// The WebSocket of a page in Chromium against a running roost.
// usage: node native-page.js '{"url":…,"alice":TOKEN,"bob":TOKEN}' URL_OF_A_PAGE
import assert from "node:assert/strict";
import { withBrowser } from "./chromium.js";
import { scenario } from "./scenario.js";

await withBrowser(async (browser) => {
  const page = await browser.newPage();
  await page.goto(process.argv[3]);
  assert.equal(await page.evaluate(scenario, JSON.parse(process.argv[2])), "ok");
});
