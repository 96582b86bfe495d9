// Node's own WebSocket against a running roost.
// usage: node --experimental-websocket native.js '{"url":…,"alice":TOKEN,"bob":TOKEN}'
import assert from "node:assert/strict";
import { scenario } from "./scenario.js";

assert.equal(await scenario(JSON.parse(process.argv[2])), "ok");
