// One replica of the measured cluster: `node replica.mjs ID PEER_PORTS CLIENT_PORT DIRECTORY` (ports with commas).
// Clients send frames [u32 length][u32 request][u8 operation][u8 key length][key][value]; the answer is
// [u32 length][u32 request][u8 status][value]. Operations: 1 put, 2 linearizable get, 3 local get, 4 who leads.
import { createServer } from "node:net";
import { messageCodec } from "@synod/codec-msgpack";
import { createNode } from "@synod/node";
import { fileStorage } from "@synod/storage-file";
import { tcpTransport } from "@synod/transport-tcp";

const [id, ports, clientPort, directory] = process.argv.slice(2);
const members = ports.split(",").map((port, i) => ({ id: i + 1, address: `127.0.0.1:${port}` }));
const bytes = { encode: (value) => value, decode: (value) => new Uint8Array(value) };
const NOTHING = new Uint8Array();

class Store {
  map = new Map();
  apply(command) {
    this.map.set(Buffer.from(command.subarray(1, 1 + command[0])).toString("latin1"), command.subarray(1 + command[0]));
    return { result: NOTHING };
  }
  query(key) {
    return this.map.get(key) ?? NOTHING;
  }
  *snapshot() {}
  restore() {}
}

const store = new Store();
const node = await createNode({
  id: Number(id),
  cluster: { id: "bench", members },
  stateMachine: store,
  transport: tcpTransport({}),
  storage: fileStorage({ directory }),
  codec: messageCodec(),
  commandCodec: bytes,
  bootstrap: process.env.BENCH_RESTART === undefined,
});

function answer(out, request, status, value) {
  const frame = Buffer.allocUnsafe(9 + value.length);
  frame.writeUInt32LE(5 + value.length, 0);
  frame.writeUInt32LE(request, 4);
  frame[8] = status;
  frame.set(value, 9);
  out.push(frame);
}

createServer({ noDelay: true }, (socket) => {
  let rest = Buffer.alloc(0);
  const out = [];
  let scheduled = false;
  const flush = () => {
    scheduled = false;
    socket.write(Buffer.concat(out.splice(0)));
  };
  const reply = (request, status, value) => {
    answer(out, request, status, value);
    if (!scheduled) {
      scheduled = true;
      setImmediate(flush);
    }
  };
  const serve = (frame) => {
    const request = frame.readUInt32LE(0);
    const fail = (error) => reply(request, 1, Buffer.from(String(error.code)));
    const ok = (value) => reply(request, 0, value);
    const key = () => frame.toString("latin1", 6, 6 + frame[5]);
    if (frame[4] === 1) node.propose(new Uint8Array(frame.subarray(5))).then(ok, fail);
    else if (frame[4] === 2) node.read(key()).then(ok, fail);
    else if (frame[4] === 3) ok(store.query(key()));
    else ok(Buffer.from(String(node.status().leader ?? 0)));
  };
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    let data = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    while (data.length >= 4 && data.length >= 4 + data.readUInt32LE(0)) {
      const end = 4 + data.readUInt32LE(0);
      serve(data.subarray(4, end));
      data = data.subarray(end);
    }
    rest = Buffer.from(data);
  });
}).listen(Number(clientPort), "127.0.0.1");

process.on("SIGTERM", () => {
  node.close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
