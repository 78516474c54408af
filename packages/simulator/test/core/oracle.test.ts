import type { Ballot, Configuration, NodeId, QuorumSpec, StorageWrite } from "@synod/interface";
import { type Effects, type Message, Replica, type ReplicaStatus } from "@synod/multipaxos";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { CoreInvariant } from "../../src/core/broken.js";
import { configurationOf } from "../../src/core/config.js";
import { Disk } from "../../src/core/disk.js";
import { simulateCore } from "../../src/core/index.js";
import { Leases } from "../../src/core/leases.js";
import type { CoreNode } from "../../src/core/node.js";
import { CoreOracle } from "../../src/core/oracle.js";
import { Reads } from "../../src/core/reads.js";
import { valueOf } from "../../src/core/values.js";
import { World } from "../../src/core/world.js";
import { SeededRandom } from "../../src/random.js";

const b = (round: number, node: NodeId): Ballot => ({ round, node });
const v = (id: number): Uint8Array => valueOf(id, 5);
const X = v(1);
const Y = v(2);

/** Disks and an oracle, fed by hand. */
class Bench {
  readonly oracle: CoreOracle;
  readonly #disks = new Map<NodeId, Disk>();

  constructor(configuration: Configuration) {
    this.oracle = new CoreOracle(configuration, { frameValueBytesMax: 10, writeBytesMax: 10 });
    this.oracle.introduce(2);
  }

  disk(node: NodeId): Disk {
    const disk = this.#disks.get(node) ?? new Disk();
    this.#disks.set(node, disk);
    return disk;
  }

  write(node: NodeId, write: Partial<StorageWrite>): void {
    const disk = this.disk(node);
    const whole = { votes: [], chosen: [], ...write };
    const mark = disk.chosenUpTo;
    this.oracle.onDurable(node, disk, whole);
    disk.apply(whole);
    this.oracle.onMark(node, disk, mark);
  }

  promise(ballot: Ballot, ...nodes: NodeId[]): void {
    for (const node of nodes) this.write(node, { promised: ballot });
  }

  vote(ballot: Ballot, value: Uint8Array, ...nodes: NodeId[]): void {
    for (const node of nodes) this.write(node, { promised: ballot, votes: [{ slot: 1, ballot, value }] });
  }

  accept(ballot: Ballot, value: Uint8Array, from: NodeId = ballot.node, firstSlot = 1): void {
    this.send(from, { kind: "accept", ballot, firstSlot, values: [value], chosenUpTo: 0 });
  }

  send(from: NodeId, message: Message): void {
    this.oracle.onSend(from, message, this.disk(from));
  }
}

function bench(nodes = 3, quorum?: QuorumSpec): Bench {
  return new Bench(configurationOf(nodes, 2, quorum));
}

function expectBroken(invariant: CoreInvariant, action: () => void): void {
  let found: unknown;
  try {
    action();
  } catch (error) {
    found = error;
  }
  expect(found).toMatchObject({ invariant });
}

/** Value x is chosen in ballot 1.1, by nodes 1 and 2. */
function chosen(): Bench {
  const it = bench();
  it.promise(b(1, 1), 1, 2);
  it.accept(b(1, 1), X);
  it.vote(b(1, 1), X, 1, 2);
  return it;
}

describe("what the oracle finds broken", () => {
  const accepted: Message = {
    kind: "accepted",
    ballot: b(1, 1),
    slots: [[1, 1]],
    chosenUpTo: 0,
    durableUpTo: 0,
    applied: 0,
    creditBytes: 1,
  };
  const accept: Message = { kind: "accept", ballot: b(1, 1), firstSlot: 1, values: [X], chosenUpTo: 0 };

  test("nothing in a good run", () => {
    const it = chosen();
    expect(it.oracle.prefix).toBe(1);
    it.promise(b(2, 3), 2, 3);
    it.accept(b(2, 3), X);
    it.vote(b(2, 3), X, 3);
    it.oracle.onHandedOut(3, 1, X);
    it.write(1, { chosenUpTo: 1 });
    it.send(2, accepted);
    it.oracle.onAnswer(2, 1, accept, 65, [{ to: [1], message: accepted, lane: "control", after: 0 }], []);
    expect(it.oracle.seenUpTo).toBe(1);
  });

  test("agreement", () => {
    expectBroken("agreement", () => chosen().oracle.onHandedOut(3, 1, Y));
    expectBroken("agreement", () => bench().oracle.onHandedOut(3, 1, X));
    expectBroken("agreement", () => chosen().write(3, { chosen: [{ slot: 1, value: Y }] }));
    expectBroken("agreement", () => chosen().send(1, { kind: "commit", ballot: b(1, 1), chosenUpTo: 2 }));
    expectBroken("agreement", () => chosen().send(1, { kind: "learn", firstSlot: 1, values: [Y], chosenUpTo: 1 }));
  });

  test("one value per slot and ballot", () => {
    expectBroken("one value per slot and ballot", () => chosen().accept(b(1, 1), Y));
    expectBroken("one value per slot and ballot", () => chosen().vote(b(1, 1), Y, 3));
    expectBroken("one value per slot and ballot", () => chosen().accept(b(1, 1), X, 2));
  });

  test("P1 and P1a, as messages are answered", () => {
    expectBroken("P1", () => bench().oracle.onAnswer(2, 1, accept, 65, [], []));
    const sends = [{ to: [1], message: accepted, lane: "control", after: 0 }] as const;
    expectBroken("P1a", () => bench().oracle.onAnswer(2, 1, accept, 66, sends, []));
    // A vote that waits for the disk need not be said again; one in another ballot is none.
    bench().oracle.onAnswer(2, 1, accept, 65, [], sends);
    const earlier = sends.map((send) => ({ ...send, message: { ...accepted, ballot: b(1, 2) } }));
    expectBroken("P1", () => bench().oracle.onAnswer(2, 1, accept, 65, [], earlier));
  });

  test("P1a, on disk", () => {
    const it = bench();
    it.promise(b(1, 1), 1, 2);
    it.accept(b(1, 1), X);
    it.promise(b(2, 3), 2);
    const page = { firstSlot: 1, lastSlot: null, votes: [], chosenUpTo: 0, snapshotIndex: 0 };
    it.send(2, { kind: "promise", ballot: b(2, 3), ...page });
    expectBroken("P1a", () => it.write(2, { votes: [{ slot: 1, ballot: b(1, 1), value: X }] }));
  });

  test("P2c", () => {
    const it = bench();
    expectBroken("P2c", () => it.accept(b(1, 1), X));
    it.promise(b(1, 1), 1, 2);
    it.accept(b(1, 1), X);
    it.vote(b(1, 1), X, 1);
    it.promise(b(2, 2), 1, 2);
    expectBroken("P2c", () => it.accept(b(2, 2), Y));
  });

  // With quorums that do not meet, P2c allows what the others forbid.
  const apart = { kind: "sizes", phase1: 1, phase2: 1 } as const;

  test("P2b", () => {
    const it = bench(3, apart);
    it.promise(b(2, 2), 2);
    it.accept(b(2, 2), Y);
    it.promise(b(1, 1), 1);
    it.accept(b(1, 1), X);
    expectBroken("P2b", () => it.vote(b(1, 1), X, 1));
    const chosenFirst = bench(3, apart);
    chosenFirst.vote(b(1, 1), X, 1);
    chosenFirst.promise(b(2, 2), 2);
    expectBroken("P2b", () => chosenFirst.accept(b(2, 2), Y));
  });

  test("P2a", () => {
    const it = bench(4, { kind: "sizes", phase1: 1, phase2: 2 });
    it.vote(b(2, 3), Y, 3);
    it.vote(b(1, 1), X, 1);
    it.promise(b(1, 1), 2);
    expectBroken("P2a", () => it.vote(b(1, 1), X, 2));
  });

  test("P2", () => {
    const it = bench(3, apart);
    it.vote(b(2, 2), Y, 2);
    expectBroken("P2", () => it.vote(b(1, 1), X, 1));
  });

  test("only proposed values", () => {
    const it = bench();
    it.promise(b(1, 1), 1, 2);
    expectBroken("only proposed values", () => it.accept(b(1, 1), v(3)));
    expectBroken("only proposed values", () => it.accept(b(1, 1), Uint8Array.of(9, 9)));
    expectBroken("only proposed values", () => it.vote(b(1, 1), X, 2));
  });

  test("promise never falls, vote never falls", () => {
    const it = chosen();
    expectBroken("promise never falls", () => it.promise(b(1, 0), 1));
    expectBroken("vote never falls", () => it.write(3, { votes: [{ slot: 1, ballot: b(1, 1), value: X }] }));
    const prepare: Message = { kind: "prepare", ballot: b(1, 1), fromSlot: 1 };
    const promise = {
      kind: "promise",
      ballot: b(1, 1),
      firstSlot: 1,
      lastSlot: null,
      votes: [],
      chosenUpTo: 0,
    } as const;
    const sends = [{ to: [1], message: { ...promise, snapshotIndex: 0 }, lane: "control", after: 0 }] as const;
    expectBroken("promise never falls", () => it.oracle.onAnswer(2, 1, prepare, 66, sends, []));
  });

  test("durable before sent", () => {
    expectBroken("durable before sent", () => bench().send(1, { kind: "prepare", ballot: b(1, 1), fromSlot: 1 }));
    expectBroken("durable before sent", () => chosen().send(3, accepted));
    expectBroken("durable before sent", () => chosen().send(1, { ...accepted, durableUpTo: 1 }));
    expectBroken("durable before sent", () => chosen().write(3, { chosenUpTo: 1 }));
  });

  test("window, memory bounds", () => {
    const it = bench();
    it.promise(b(1, 1), 1, 2);
    expectBroken("window", () => it.accept(b(1, 1), X, 1, 3));
    const values = [X, Y, X];
    expectBroken("memory bounds", () =>
      it.send(1, { kind: "accept", ballot: b(1, 1), firstSlot: 0, values, chosenUpTo: 0 }),
    );
  });

  test("configuration continuity: snapshots of one slot have one head", () => {
    const it = chosen();
    it.oracle.onSnapshot(1, 1, Uint8Array.of(1, 2));
    it.oracle.onSnapshot(2, 1, Uint8Array.of(1, 2));
    expectBroken("configuration continuity", () => it.oracle.onSnapshot(3, 1, Uint8Array.of(1, 3)));
  });

  test("one lease at a time", () => {
    const holder = (id: NodeId, clockMs: number): CoreNode =>
      ({ id, clockMs, life: { replica: { leaseUntilMs: 10 } } }) as unknown as CoreNode;
    const world = new World(new SeededRandom(1));
    const leases = new Leases({ world, nodes: [holder(1, 9), holder(2, 10)] });
    leases.chosen(1, 1);
    expectBroken("one lease at a time", () => leases.chosen(1, 2));
    const it = bench();
    it.oracle.onChoice = (slot, proposer) => leases.chosen(slot, proposer);
    it.promise(b(1, 2), 1, 2);
    it.accept(b(1, 2), X);
    expectBroken("one lease at a time", () => it.vote(b(1, 2), X, 1, 2));
  });

  test("linearizable reads", () => {
    const it = chosen();
    const reads = new Reads(new World(new SeededRandom(1)), it.oracle);
    const reader = { replica: { leads: true } };
    it.oracle.onHandedOut(1, 1, X);
    const token = reads.open(reader);
    expectBroken("linearizable reads", () =>
      reads.onIndex(reader, { tokens: [token], index: 0, via: "leader", untilMs: Infinity }),
    );
    expectBroken("linearizable reads", () =>
      reads.onIndex({ replica: { leads: true } }, { tokens: [token], index: 1, via: "leader", untilMs: Infinity }),
    );
    reads.onIndex(reader, { tokens: [token], index: 1, via: "leader", untilMs: Infinity });
  });
});

describe("what a run finds broken", () => {
  afterEach(() => vi.restoreAllMocks());

  function expectFound(invariant: CoreInvariant): void {
    for (let seed = 1; seed <= 60; seed++) {
      const { failure } = simulateCore({ seed });
      if (failure === null) continue;
      expect(failure.invariant).toBe(invariant);
      return;
    }
    expect.unreachable("nothing was found in 60 runs");
  }

  /** Every replica gives other effects than it should. */
  function effects(change: (effects: Effects, replica: Replica) => Partial<Effects>): void {
    const takeEffects = Reflect.get(Replica.prototype, "takeEffects");
    vi.spyOn(Replica.prototype, "takeEffects").mockImplementation(function (this: Replica) {
      const all = takeEffects.call(this);
      return { ...all, ...change(all, this) };
    });
  }

  function status(change: (status: ReplicaStatus) => Partial<ReplicaStatus>): void {
    const real = Reflect.get(Replica.prototype, "status");
    vi.spyOn(Replica.prototype, "status").mockImplementation(function (this: Replica) {
      const all = real.call(this);
      return { ...all, ...change(all) };
    });
  }

  test("in-order apply", () => {
    effects(({ chosen }) => ({ chosen: [...chosen].reverse() }));
    expectFound("in-order apply");
  });

  test("forward taken once", () => {
    effects(({ forwarded }) => ({ forwarded: [...forwarded, ...forwarded] }));
    expectFound("forward taken once");
  });

  test("acknowledged writes survive", () => {
    status(() => ({ chosenUpTo: -1 }));
    expectFound("acknowledged writes survive");
  });

  test("no node stops itself", () => {
    vi.spyOn(Replica.prototype, "receive").mockImplementation(() => {
      throw new RangeError("by intent");
    });
    expectFound("no node stops itself");
  });

  test("a leader after healing", () => {
    vi.spyOn(Replica.prototype, "tick").mockReturnValue();
    expectFound("a leader after healing");
  });

  test("progress after healing", () => {
    vi.spyOn(Replica.prototype, "capacity").mockReturnValue(0);
    expectFound("progress after healing");
  });

  test("convergence after healing", () => {
    status(({ openSlots }) => ({ openSlots: openSlots + 1 }));
    expectFound("convergence after healing");
  });

  test("every call settles", () => {
    effects(() => ({ reads: [] }));
    expectFound("every call settles");
  });

  test("message budget", () => {
    effects(({ sends }, { leads, leaderBallot: ballot }) => {
      // Once a round: more would only make the runs long.
      const isRound = sends.some(({ message }) => message.kind === "beat");
      if (!leads || ballot === null || !isRound) return {};
      const message = { kind: "commit", ballot, chosenUpTo: 0 } as const;
      return { sends: [...sends, { to: [1, 2, 3], message, lane: "control", after: 0 }] };
    });
    expectFound("message budget");
  });
});
