// What two clients of the native protocol do, with the WebSocket of whoever runs
// it: Node or a page. It is handed to the page as its text, so all stands within it.
export async function scenario({ url, alice, bob }) {
  function equal(got, want, what) {
    if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`${what}: ${JSON.stringify(got)} is not ${JSON.stringify(want)}`);
  }

  // connect opens a socket. Next gives what comes of a type, and drops all before it.
  async function connect(token) {
    const ws = new WebSocket(url, ["roost.v1.json", "bearer." + token]);
    const queue = [];
    let wake = () => {};
    let closed;
    ws.onmessage = (e) => { queue.push(JSON.parse(e.data)); wake(); };
    ws.onclose = (e) => { closed = `closed ${e.code} ${e.reason}`; wake(); };
    const next = async (type) => {
      for (;;) {
        while (queue.length === 0) {
          if (closed) throw new Error(closed);
          await new Promise((resolve) => { wake = resolve; });
        }
        const m = queue.shift();
        if (m.type === "error") throw new Error(JSON.stringify(m));
        if (m.type === type) return m;
      }
    };
    const ask = async (command, type) => {
      ws.send(JSON.stringify({ id: 1, ...command }));
      return next(type);
    };
    const hello = await next("welcome");
    equal(ws.protocol, "roost.v1.json", "the subprotocol");
    return { ws, next, ask, hello };
  }

  let a = await connect(alice);
  equal(a.hello.user, "alice", "who Alice is");
  const b = await connect(bob);
  await a.ask({ type: "join", room: "team.1", presence: true }, "joined");
  equal((await a.next("presence")).joined[0].user, "alice", "who came");
  await b.ask({ type: "join", room: "team.1" }, "joined");
  equal((await a.next("presence")).joined, [{ user: "bob", conn: b.hello.conn }], "who came after");
  const list = await b.ask({ type: "presence", room: "team.1" }, "presence");
  equal(list.members.map((m) => m.user).sort(), ["alice", "bob"], "who is here");

  const said = await b.ask({ type: "publish", room: "team.1", data: { text: "hällo 👋" } }, "published");
  const heard = await a.next("message");
  equal([heard.data, heard.offset, heard.from.user], [{ text: "hällo 👋" }, said.offset, "bob"], "what Alice heard");

  // The page closes its socket and opens another: nothing is missing, nothing is there twice.
  const gone = new Promise((resolve) => a.ws.addEventListener("close", resolve));
  a.ws.close(1000);
  await gone;
  for (const n of [1, 2, 3]) await b.ask({ type: "publish", room: "team.1", data: n }, "published");
  a = await connect(alice);
  const back = await a.ask({ type: "join", room: "team.1", since: { epoch: said.epoch, offset: heard.offset } }, "joined");
  equal([back.recovered, back.messages.map((m) => m.data)], [true, [1, 2, 3]], "what Alice missed");
  await b.ask({ type: "publish", room: "team.1", data: 4 }, "published");
  equal((await a.next("message")).data, 4, "what came live");

  // A document that both change.
  equal((await a.ask({ type: "join", room: "doc.1" }, "joined")).document, {}, "the document at first");
  await b.ask({ type: "join", room: "doc.1" }, "joined");
  const first = await a.ask({ type: "patch", room: "doc.1", base: 0, patch: [{ op: "add", path: "/title", value: "Plan" }] }, "patched");
  equal(first.version, 1, "the version after Alice's patch");
  equal((await b.next("patch")).patch, [{ op: "add", path: "/title", value: "Plan" }], "the patch that Bob got");
  equal((await b.ask({ type: "patch", room: "doc.1", base: 1, patch: [{ op: "replace", path: "/title", value: "List" }] }, "patched")).version, 2, "the version after Bob's");
  equal((await a.next("patch")).version, 2, "the patch that Alice got");

  a.ws.close();
  b.ws.close();
  return "ok";
}
