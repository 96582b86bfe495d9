// Node's ws against a running roost.
// usage: node ws.js [wss://]CLIENT_HOST:PORT ADMIN_HOST:PORT TOKEN
import assert from "node:assert/strict";
import { once } from "node:events";
import WebSocket from "ws";

const [at, admin, token] = process.argv.slice(2);
const client = at.includes("://") ? at : `ws://${at}`;

function connect(path, options) {
  const ws = new WebSocket(`${client}${path}`, options);
  const queue = [];
  let wake = () => {};
  ws.on("message", (data, binary) => { queue.push({ data, binary }); wake(); });
  ws.next = async () => {
    while (queue.length === 0) await new Promise((resolve) => { wake = resolve; });
    return queue.shift();
  };
  return ws;
}

async function publish(room, body, type = "text/plain") {
  const resp = await fetch(`http://${admin}/v1/rooms/${room}/publish`, { method: "POST", body, headers: { "Content-Type": type } });
  assert.equal(resp.status, 200);
  return resp.json();
}

// The token in each of the places that a client can reach.
const viaQuery = connect(`/rooms/talk.1?token=${token}`);
const viaHeader = connect("/rooms/talk.1?rooms=talk.2", { headers: { Authorization: `Bearer ${token}` } });
await Promise.all([once(viaQuery, "open"), once(viaHeader, "open")]);

const first = await publish("talk.1", "hello");
const second = await publish("talk.1", Buffer.from([0, 1, 2, 255]), "application/octet-stream");
assert.equal(second.offset, first.offset + 1);
assert.equal(second.epoch, first.epoch);
for (const ws of [viaQuery, viaHeader]) {
  const text = await ws.next();
  assert.equal(text.binary, false);
  assert.equal(text.data.toString(), "hello");
  const bytes = await ws.next();
  assert.equal(bytes.binary, true);
  assert.deepEqual([...bytes.data], [0, 1, 2, 255]);
}

// A member publishes; it does not get its own message.
viaQuery.send("from a member");
assert.equal((await viaHeader.next()).data.toString(), "from a member");
await publish("talk.2", "second room");
assert.equal((await viaHeader.next()).data.toString(), "second room");

// Large and many, in order.
const big = "x".repeat(60000);
await publish("talk.1", big);
assert.equal((await viaQuery.next()).data.toString(), big);
for (let i = 0; i < 200; i++) await publish("talk.1", `n${i}`);
for (let i = 0; i < 200; i++) assert.equal((await viaQuery.next()).data.toString(), `n${i}`);

viaQuery.ping("are you there");
const [pong] = await once(viaQuery, "pong");
assert.equal(pong.toString(), "are you there");

// Refused before the upgrade, with a reason.
for (const [path, status] of [["/rooms/talk.1", 401], ["/rooms/talk.1?token=nonsense", 401], ["/nothing?token=" + token, 404]]) {
  const ws = connect(path);
  ws.on("error", () => {});
  const [, resp] = await once(ws, "unexpected-response");
  assert.equal(resp.statusCode, status, path);
  let body = "";
  for await (const chunk of resp) body += chunk;
  assert.ok(JSON.parse(body).message, body);
}

viaQuery.close(1000, "done");
const [code] = await once(viaQuery, "close");
assert.equal(code, 1000);
viaHeader.close();
await once(viaHeader, "close");
console.log("ok");
