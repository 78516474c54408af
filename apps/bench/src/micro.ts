import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageCodec } from "@synod/codec-msgpack";
import { coordinationCodecs, coordinationMachine } from "@synod/coordination";
import { type Envelope, type Message, Outbox, Replica, VALUE_BATCH, WIRE_VERSION } from "@synod/multipaxos";
import { encodeBatch, replicatedMachine } from "@synod/rsm";
import { fileStorage } from "@synod/storage-file";
import { encodeFrame, FrameInput } from "@synod/transport-tcp/framing";
import { bench, group, run } from "mitata";

const value = new Uint8Array(100).fill(0x76);
const keys = Array.from({ length: 1_000 }, (_, i) => `k${String(i).padStart(15, "0")}`);
const put = (i: number) =>
  ({ kind: "put", key: keys[i % keys.length] ?? "", value, lease: null, expected: null }) as const;

/** One operation of each benchmark is what its name says. */
export async function micro(filter: string | undefined): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "synod-micro-"));
  codecs();
  framing();
  sessions();
  core();
  const end = await writeAheadLog(directory);
  await run(filter === undefined ? {} : { filter: new RegExp(filter) });
  await end();
  rmSync(directory, { recursive: true, force: true });
}

function codecs(): void {
  const { commandCodec, queryCodec, resultCodec, answerCodec } = coordinationCodecs();
  const machine = coordinationMachine();
  const command = commandCodec.encode(put(1)).slice();
  const result = resultCodec.encode({ kind: "written", done: true, revision: 1_000, keyRevision: 1_000 });
  const query = queryCodec.encode({ kind: "get", key: put(1).key, revision: null }).slice();
  const context = { slot: 1, index: 0, timeMs: 0, session: { slot: 1, index: 0 }, machineVersion: 1 };
  const messages = messageCodec();
  const accept = messages.encode(acceptOf(1));
  let i = 0;
  group("codecs", () => {
    bench("encode a put", () => commandCodec.encode(put(i++)));
    bench("decode a put", () => commandCodec.decode(command));
    bench("decode the result of a put", () => resultCodec.decode(result));
    bench("execute a put: decode, apply, encode the result", () =>
      resultCodec.encode(machine.apply(commandCodec.decode(command), context).result),
    );
    bench("answer a get: decode, query, encode the answer", () =>
      answerCodec.encode(machine.query(queryCodec.decode(query))),
    );
    bench("encode an accept with one put", () => messages.encode(acceptOf(i++)));
    bench("decode an accept with one put", () => messages.decode(accept));
  });
}

const acceptOf = (slot: number): Envelope => ({
  version: WIRE_VERSION,
  clusterId: "micro",
  from: 1,
  bootId: "00112233445566778899aabbccddeeff",
  epoch: 1,
  supports: { wire: WIRE_VERSION, log: 1, machine: 1 },
  message: { kind: "accept", ballot: { round: 1, node: 1 }, firstSlot: slot, values: [value], chosenUpTo: slot - 1 },
});

function framing(): void {
  const frames = Buffer.concat(Array.from({ length: 64 }, () => encodeFrame(0x21, new Uint8Array(160))).flat());
  let bytes = 0;
  const input = new FrameInput(1 << 20, (_kind, _bytes, from, to) => (bytes += to - from));
  group("framing", () => {
    bench("make a frame of 160 bytes", () => encodeFrame(0x21, value));
    bench("read 64 frames of 160 bytes where they lie", () => {
      input.push(frames);
      return bytes;
    });
  });
}

function sessions(): void {
  const { commandCodec, resultCodec } = coordinationCodecs();
  const machine = replicatedMachine({ stateMachine: coordinationMachine(), commandCodec, resultCodec });
  const [opened] = machine.apply(1, encodeBatch(0, [{ kind: "open", nonce: "00112233445566778899aabbccddeeff" }]));
  if (opened?.kind !== "opened") throw new Error("no session was opened");
  const { session } = opened;
  const body = commandCodec.encode(put(1)).slice();
  let sequence = 0;
  let slot = 1;
  const batchOf = (count: number): Uint8Array =>
    encodeBatch(
      0,
      Array.from({ length: count }, () => {
        const ticket = { session, sequence: ++sequence, floor: Math.max(0, sequence - 100) };
        return { kind: "command", ticket, body } as const;
      }),
    );
  group("sessions", () => {
    bench("make a batch of 1 command and execute it once", () => [...machine.apply(++slot, batchOf(1))]);
    bench("make a batch of 64 commands and execute it once", () => [...machine.apply(++slot, batchOf(64))]);
  });
}

/** Three replicas wired by hand: the disk and the network take no time. */
function core(): void {
  const members = [{ id: 1 }, { id: 2 }, { id: 3 }];
  const configuration = { epoch: 1, members, alpha: 1_024, quorum: { kind: "majority" } } as const;
  const recovered = { promised: null, votes: [], chosen: [], chosenUpTo: 0, leaseMs: 0, snapshot: null };
  const nodes = members.map(({ id }) => ({
    id,
    replica: new Replica({ nodeId: id, bootId: String(id), configuration, recovered }),
    outbox: new Outbox(),
  }));
  const network: { from: number; to: number; message: Message }[] = [];
  let nowMs = 0;
  const turn = ({ id, replica, outbox }: (typeof nodes)[number], event: (replica: Replica) => void): void => {
    event(replica);
    for (;;) {
      const effects = replica.takeEffects();
      const last = effects.chosen.at(-1);
      if (last !== undefined) replica.appliedUpTo(last.slot);
      const next = replica.takeWrite();
      const sends = outbox.add(effects.sends);
      if (next !== null) {
        replica.writeDone(next.id);
        sends.push(...outbox.durable(next.id));
      }
      for (const { to, message } of sends) for (const peer of to) network.push({ from: id, to: peer, message });
      if (next === null) return;
    }
  };
  const settle = (): void => {
    for (let next = network.shift(); next !== undefined; next = network.shift()) {
      const { from, to, message } = next;
      const node = nodes[to - 1];
      if (node !== undefined) turn(node, (replica) => replica.receive(from, message));
    }
  };
  const tick = (): void => {
    nowMs += 10;
    for (const node of nodes) turn(node, (replica) => replica.tick(nowMs, node.id / 4));
    settle();
  };
  for (let i = 0; i < 100; i++) tick();
  const leader = nodes.find(({ replica }) => replica.leads);
  if (leader === undefined) throw new Error("nobody leads");
  const command = Uint8Array.of(VALUE_BATCH, ...value);
  let count = 0;
  group("core", () => {
    bench("decide one slot at three replicas, all events", () => {
      turn(leader, (replica) => replica.propose(command));
      settle();
      if (++count % 100 === 0) tick();
    });
  });
}

async function writeAheadLog(directory: string): Promise<() => Promise<void>> {
  const storage = fileStorage({ directory: join(directory, "node-1") });
  const founders = { epoch: 1, members: [{ id: 1 }], alpha: 1_024, quorum: { kind: "majority" } } as const;
  await storage.open({ create: { clusterId: "micro", nodeId: 1, founders } });
  const ballot = { round: 1, node: 1 };
  let slot = 0;
  const votes = (count: number) => Array.from({ length: count }, () => ({ slot: ++slot, ballot, value }));
  group("write-ahead log", () => {
    bench("write and sync 1 vote", () => storage.write({ promised: ballot, votes: votes(1), chosen: [] }));
    bench("write and sync 64 votes", () => storage.write({ promised: ballot, votes: votes(64), chosen: [] }));
  });
  return () => storage.close();
}
