// What stands in the log and in snapshots: values, commands, and the state machine that executes them.
import { coordinationCodecs, coordinationMachine } from "@synod/coordination";
import type { ApplyContext } from "@synod/interface";
import { decodeConfigurationValue, encodeConfigurationValue, unpackNoops } from "@synod/multipaxos";
import { decodeBatch, encodeBatch, replicatedMachine } from "@synod/rsm";
import { golden, goldenLines } from "../samples.js";
import { outcomeOf, refusalOf, type Target } from "../target.js";

const codecs = coordinationCodecs();
const commands = goldenLines("coordination", "commands.txt");
const queries = goldenLines("coordination", "queries.txt");
const batches = golden("rsm", /^batch/);
const configuration = encodeConfigurationValue({
  stamp: 7,
  changeId: "c1",
  configuration: {
    epoch: 2,
    alpha: 16,
    quorum: { kind: "majority" },
    members: [
      { id: 1, address: "a:1" },
      { id: 2, address: "b:2", role: "learner" },
      { id: 3, address: "c:3", name: "third" },
    ],
  },
});

/** Small limits, so that they are reached. */
const LIMITS = { stateBytesMax: 64 * 1024, historyBytesMax: 8 * 1024, leasesMax: 50, requestsMax: 60, queueMax: 10 };
const context = (slot: number, timeMs: number): ApplyContext => ({
  slot,
  timeMs,
  index: 0,
  session: { slot: 1, index: 0 },
  machineVersion: 1,
});

/** A machine lives for so many inputs. */
const LIFE = 5_000;

/** Whatever can be decoded was sent by somebody who may write: an exception here would stop every node. */
function machineTarget(): Target {
  let machine = coordinationMachine(LIMITS);
  let [age, slot, timeMs] = [0, 0, 0];
  return {
    name: "commands, executed",
    samples: commands,
    run(input) {
      if (++age % LIFE === 0) machine = renewed(machine);
      sameWhereItLasts(input);
      return outcomeOf(() => {
        const command = codecs.commandCodec.decode(input);
        timeMs += input.length;
        const { result } = machine.apply(command, context(++slot, timeMs));
        // Every result can be told.
        codecs.resultCodec.decode(codecs.resultCodec.encode(result));
        return result;
      });
    },
  };
}

/** A replica reads its log in one way after a restart, and others read the same commands in the other. */
function sameWhereItLasts(input: Uint8Array): void {
  const codec = codecs.commandCodec;
  const ways = [() => codec.decode(input), () => codec.decodeLasting?.(input) ?? codec.decode(input)];
  const [one, two] = ways.map((read) => {
    try {
      return Buffer.from(codec.encode(read())).toString("hex");
    } catch (error) {
      return refusalOf(error);
    }
  });
  if (one !== two) throw new Error("decodeLasting gives something else than decode");
}

/** Its state goes through a snapshot, and must be the same on the other side. */
function renewed(machine: ReturnType<typeof coordinationMachine>): ReturnType<typeof coordinationMachine> {
  const next = coordinationMachine(LIMITS);
  const sink = next.restore();
  for (const chunk of machine.snapshot()) sink.write(chunk);
  sink.end();
  if (next.digest?.() !== machine.digest?.()) throw new Error("a snapshot gives another state");
  return next;
}

function queryTarget(): Target {
  const machine = coordinationMachine(LIMITS);
  let slot = 0;
  for (const command of commands) {
    machine.apply(codecs.commandCodec.decode(command), context(++slot, slot));
  }
  return {
    name: "queries, answered and watched",
    samples: queries,
    run: (input) =>
      outcomeOf(() => {
        const query = codecs.queryCodec.decode(input);
        const answer = machine.query(query);
        codecs.answerCodec.decode(codecs.answerCodec.encode(answer));
        machine.watch?.(query);
        return answer;
      }),
  };
}

/** A session, and a command in it, if it comes first. */
const batchOf = (body: Uint8Array): Uint8Array =>
  encodeBatch(5, [
    { kind: "open", nonce: "00112233445566778899aabbccddeeff", limit: 4 },
    { kind: "command", ticket: { session: { slot: 1, index: 0 }, sequence: 1, floor: 0 }, body },
  ]);

const replicated = () => replicatedMachine({ ...codecs, stateMachine: coordinationMachine(LIMITS), sessionsMax: 50 });

function batchTarget(): Target {
  let machine = replicated();
  let age = 0;
  return {
    name: "values of the log, executed",
    samples: [...batches, ...commands.map(batchOf)],
    run(input) {
      if (++age % LIFE === 0) machine = replicated();
      return outcomeOf(() => machine.apply(machine.applied + 1, input));
    },
  };
}

/** Restores that break off leave a machine that refuses everything; the next one begins anew. */
function snapshotTarget(
  name: string,
  samples: readonly Uint8Array[],
  make: () => { restore(): { write(chunk: Uint8Array): void; end(): void } },
): Target {
  const machine = make();
  return {
    name,
    samples,
    run: (input) =>
      outcomeOf(() => {
        const sink = machine.restore();
        const step = 1 + (input.length % 61);
        for (let at = 0; at < input.length; at += step) sink.write(input.slice(at, at + step));
        sink.end();
        return "restored";
      }),
  };
}

const own = replicated();
const ownSnapshot = (): Uint8Array[] => {
  own.apply(own.applied + 1, batches[0] ?? new Uint8Array(0));
  return [Uint8Array.from([...own.snapshot().chunks].flatMap((chunk) => [...chunk]))];
};

export const stateTargets: readonly Target[] = [
  {
    name: "configurations",
    samples: [configuration],
    run: (input) => outcomeOf(() => decodeConfigurationValue(input)),
  },
  {
    name: "ranges without commands",
    samples: [configuration, Uint8Array.of(0), Uint8Array.of(2, 1, 9)],
    run: (input) => outcomeOf(() => unpackNoops([input])),
  },
  { name: "batches", samples: batches, run: (input) => outcomeOf(() => decodeBatch(input)) },
  {
    name: "results",
    samples: goldenLines("coordination", "results.txt"),
    run: (input) => outcomeOf(() => codecs.resultCodec.decode(input)),
  },
  {
    name: "answers",
    samples: goldenLines("coordination", "answers.txt"),
    run: (input) => outcomeOf(() => codecs.answerCodec.decode(input)),
  },
  machineTarget(),
  queryTarget(),
  batchTarget(),
  snapshotTarget(
    "snapshot of keys and locks",
    [Uint8Array.from(goldenLines("coordination", "snapshot.txt").flatMap((line) => [...line]))],
    () => coordinationMachine(),
  ),
  snapshotTarget("snapshot of a node", ownSnapshot(), replicated),
];
