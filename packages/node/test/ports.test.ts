import { messageCodec } from "@synod/codec-msgpack";
import {
  type Clock,
  type Configuration,
  type LeaseTerms,
  type Logger,
  quietLogger,
  type QuorumSpec,
  type Storage,
  SynodError,
} from "@synod/interface";
import { memoryStorage } from "@synod/storage-memory";
import { memoryNetwork } from "@synod/transport-memory";
import { describe, expect, it } from "vitest";
import { wireName } from "../src/founders.js";
import { createNode, systemClock } from "../src/index.js";
import { Counter, type CounterCommand, json, tableCodec } from "./world.js";

const NOTHING = (): void => undefined;

function options(clock: Clock) {
  return {
    id: 1,
    cluster: { id: "t", members: [{ id: 1 }] },
    stateMachine: new Counter(),
    transport: memoryNetwork().transport(),
    storage: memoryStorage(),
    codec: tableCodec(),
    commandCodec: json<CounterCommand>(),
    resultCodec: json<number>(),
    bootstrap: true,
    clock,
  };
}

/** The clock of the host, until it is broken. */
function fragileClock(): Clock & { broken: boolean } {
  const host = systemClock();
  const clock = {
    ...host,
    broken: false,
    now: () => {
      if (clock.broken) throw new Error("no clock");
      return host.now();
    },
  };
  return clock;
}

describe("ports that do what they must not", () => {
  it("a timer that cannot be cancelled leaves no call open", async () => {
    const clock: Clock = {
      ...systemClock(),
      timer: (delayMs, callback) => {
        const cancel = systemClock().timer(delayMs, callback);
        return () => {
          cancel();
          throw new Error("no such timer");
        };
      },
    };
    const node = await createNode(options(clock));
    const calls = [node.propose({ add: 1 }), node.read("total")].map((call) => call.then(NOTHING, NOTHING));
    await node.close();
    await Promise.all(calls);
  });

  it("a transport that throws at its end does not keep the store locked", async () => {
    const given = options(systemClock());
    const ended: string[] = [];
    const storage = Object.assign(given.storage, { close: async () => void ended.push("storage") });
    const transport = Object.assign(given.transport, {
      close: () => {
        ended.push("transport");
        throw new Error("never opened");
      },
    });
    const node = await createNode({ ...given, storage, transport });
    await node.close();
    expect(ended).toEqual(["transport", "storage"]);
  });

  it("a clock that throws while somebody looks ends the node, not who looks", async () => {
    const clock = fragileClock();
    const node = await createNode(options(clock));
    await node.propose({ add: 1 });
    await node.snapshot();
    clock.broken = true;
    expect(node.status().id).toBe(1);
    expect(node.status().state).toBe("failed");
    await node.close();
  });

  it("a signal that aborts when the clock has failed ends the call, not the process", async () => {
    const clock = fragileClock();
    const node = await createNode(options(clock));
    const aborting = new AbortController();
    const thrown: unknown[] = [];
    const note = (error: unknown): void => void thrown.push(error);
    process.on("uncaughtException", note);
    const calls = [
      node.propose({ add: 1 }, { signal: aborting.signal }),
      node.read("total", { signal: aborting.signal }),
      node.openSession({ signal: aborting.signal }),
    ];
    clock.broken = true;
    aborting.abort();
    for (const call of calls) await expect(call).rejects.toBeInstanceOf(SynodError);
    process.off("uncaughtException", note);
    expect(thrown).toEqual([]);
    await node.close();
  });

  it("a logger that fails later is a logger that fails", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    const fail = async (): Promise<void> => Promise.reject(new Error("disk full"));
    // Plain JavaScript lets this pass.
    const logger = { debug: fail, info: fail, warn: fail, error: fail } as unknown as Logger;
    quietLogger(logger).info("a line");
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });
});

describe("the name of a cluster on the wire", () => {
  const named = (quorum: QuorumSpec): string =>
    wireName("c", { epoch: 1, members: [{ id: 1 }, { id: 2 }, { id: 3 }], alpha: 8, quorum } satisfies Configuration);

  it("is the same in whatever order the quorums are written down", () => {
    const sizes = { phase2: 1, phase1: 3, kind: "sizes" } as const;
    expect(named(sizes)).toBe(named({ kind: "sizes", phase1: 3, phase2: 1 }));
    const weights = (...order: readonly (readonly [number, number])[]): QuorumSpec => ({
      kind: "weights",
      weights: order,
      phase1: 3,
      phase2: 2,
    });
    expect(named(weights([1, 2], [2, 1], [3, 1]))).toBe(named(weights([3, 1], [1, 2], [2, 1])));
    expect(named(weights([1, 2], [2, 1], [3, 1]))).not.toBe(named(weights([1, 1], [2, 2], [3, 1])));
  });

  it("is another one where the founders began with another state", () => {
    const from = (origin?: string): string =>
      wireName("c", {
        epoch: 1,
        members: [{ id: 1 }],
        alpha: 8,
        quorum: { kind: "majority" },
        ...(origin === undefined ? {} : { origin }),
      });
    expect(new Set([from(), from("a backup"), from("another")]).size).toBe(3);
  });

  it("is another one where the leases are others, in their time or in the drift that clocks may have", () => {
    const of = (lease?: LeaseTerms): string =>
      wireName("c", {
        epoch: 1,
        members: [{ id: 1 }],
        alpha: 8,
        quorum: { kind: "majority" },
        ...(lease === undefined ? {} : { lease }),
      });
    const [durationMs, driftPercent] = [500, 1];
    const names = [of(), of({ durationMs, driftPercent }), of({ durationMs, driftPercent: 2 })];
    expect(new Set([...names, of({ durationMs: 501, driftPercent })]).size).toBe(4);
  });

  it("is another one where a founder is something else: who votes decides which sets are quorums", () => {
    const of = (role?: "voter" | "learner" | "witness"): string =>
      wireName("c", {
        epoch: 1,
        members: [{ id: 1 }, { id: 2 }, { id: 3, ...(role === undefined ? {} : { role }) }],
        alpha: 8,
        quorum: { kind: "majority" },
      });
    expect(of("voter")).toBe(of());
    expect(new Set([of(), of("learner"), of("witness")]).size).toBe(3);
  });
});

it("the status says why a peer is kept out whose disk was formatted anew, on both sides, until it is up", async () => {
  const network = memoryNetwork();
  const boot = (id: number, storage: Storage) =>
    createNode({
      ...options(systemClock()),
      id,
      cluster: { id: "t", members: [{ id: 1 }, { id: 2 }] },
      transport: network.transport(),
      codec: messageCodec(),
      storage,
    });
  const [one, kept] = [await boot(1, memoryStorage()), memoryStorage()];
  const two = await boot(2, kept);
  const seen = (node: typeof one): unknown =>
    node.status().peers.map(({ connected, refused }) => ({ connected, refused }));
  await expect.poll(() => seen(one)).toEqual([{ connected: true, refused: null }]);
  await two.close();
  const blank = await boot(2, memoryStorage());
  const why = "its store is another one than it was: a disk that was lost is replaced under a new id";
  await expect.poll(() => seen(one)).toEqual([{ connected: false, refused: why }]);
  await expect.poll(() => seen(blank)).toEqual([{ connected: false, refused: `it refuses this node: ${why}` }]);
  await blank.close();
  const again = await boot(2, kept);
  await expect.poll(() => seen(one)).toEqual([{ connected: true, refused: null }]);
  for (const node of [again, one]) await node.close();
});
