import { describe, expect, test } from "vitest";
import {
  type BeatFacts,
  type Message,
  Outbox,
  type Promise1b,
  Replica,
  type ReplicaOptions,
  type Send,
} from "../src/index.js";
import { configurationOf, headOf, valueOf } from "./disk.js";
import { accept, ballot, promise, vote } from "./support.js";

const nothing: ReplicaOptions["recovered"] = {
  promised: null,
  votes: [],
  chosen: [],
  chosenUpTo: 0,
  leaseMs: 0,
  snapshot: null,
};
const ROUND_MS = 32;

const factsOf = (facts: Partial<BeatFacts> = {}): BeatFacts => ({
  round: 1,
  candidacy: null,
  promised: null,
  leaderBallot: null,
  content: false,
  chosenUpTo: 0,
  durableUpTo: 0,
  impaired: false,
  priority: 0,
  ...facts,
});

/** Node 1 of three, on a disk that is at once, in a time that moves by rounds. */
class Node {
  readonly replica: Replica;
  #nowMs = 0;

  constructor(alpha = 8, recovered: Partial<ReplicaOptions["recovered"]> = {}) {
    const configuration = configurationOf(3, alpha);
    this.replica = new Replica({
      nodeId: 1,
      bootId: "1:1",
      configuration,
      recovered: { ...nothing, ...recovered },
    });
  }

  /** One round passes. */
  tick(): Message[] {
    this.#nowMs += ROUND_MS;
    this.replica.tick(this.#nowMs, 0);
    return this.#sent();
  }

  receive(from: number, message: Message): Message[] {
    this.replica.receive(from, message);
    return this.#sent();
  }

  read(token: number): Message[] {
    this.replica.read(token);
    return this.#sent();
  }

  /** What node 2 answers in the present round. */
  hear(facts: Partial<BeatFacts> = {}): void {
    const beat = this.tick().find(({ kind }) => kind === "beat");
    if (beat?.kind === "beat") this.receive(2, { kind: "beatReply", ...factsOf(facts), round: beat.round });
  }

  /** Until it is a candidate in 1.1, then leads by this promise of node 2. */
  lead(page: Partial<Promise1b> = {}): this {
    for (let round = 0; round < 20 && this.replica.status().role !== "candidate"; round++) this.hear();
    this.receive(2, promise("1.1", page));
    expect(this.replica.leads).toBe(true);
    return this;
  }

  #sent(): Message[] {
    const sent: Message[] = [];
    for (;;) {
      const { sends, chosen } = this.replica.takeEffects();
      sent.push(...sends.map(({ message }) => message));
      const last = chosen.at(-1);
      if (last !== undefined) this.replica.appliedUpTo(last.slot);
      const write = this.replica.takeWrite();
      if (write !== null) this.replica.writeDone(write.id);
      else if (last === undefined) return sent;
    }
  }
}

const kinds = (messages: readonly Message[], ...wanted: Message["kind"][]): Message[] =>
  messages.filter(({ kind }) => wanted.includes(kind));

const learn = (firstSlot: number, texts: string[], chosenUpTo: number): Message => ({
  kind: "learn",
  firstSlot,
  values: texts.map(valueOf),
  chosenUpTo,
});

describe("a leader learns", () => {
  test("a value at a slot that it has not proposed: a later leader was at work, and nothing more leaves in this ballot", () => {
    const node = new Node().lead();
    expect(kinds(node.receive(3, learn(1, ["a"], 0)), "commit", "accept")).toEqual([]);
    expect(node.replica.status()).toMatchObject({ role: "follower", chosenUpTo: 1 });
  });

  test("the value that it has open: the slot is settled and announced", () => {
    const node = new Node().lead();
    node.replica.propose(valueOf("a"));
    expect(node.replica.status().openSlots).toBe(1);
    expect(kinds(node.receive(3, learn(1, ["a"], 1)), "accept")).toMatchObject([{ firstSlot: 1, chosenUpTo: 1 }]);
    expect(node.replica.status()).toMatchObject({ role: "leader", openSlots: 0, openBytes: 0 });
  });

  test("what was chosen before it: the window moves, and what phase 1 found leaves at once", () => {
    const votes = ["c", "d"].map((text, i) => vote(i + 3, "0.3", text));
    const node = new Node(1).lead({ chosenUpTo: 2, votes });
    expect(kinds(node.receive(2, learn(1, ["a", "b"], 2)), "accept")).toMatchObject([{ firstSlot: 3 }]);
  });
});

test("a leader proposes nothing where its snapshot knows, least of all a no-op", () => {
  const node = new Node(1).lead({ chosenUpTo: 2, votes: [vote(5, "0.3", "e")] });
  node.replica.installSnapshot({ index: 4, hash: "s4", bytes: 10 }, headOf(configurationOf(3, 8)));
  expect(node.replica.status()).toMatchObject({ role: "leader", chosenUpTo: 4 });
  expect(kinds(node.tick(), "accept")).toMatchObject([{ firstSlot: 5, values: [valueOf("e")] }]);
});

describe("what a peer says of its chosen prefix makes it the one to ask", () => {
  const asked = (messages: readonly Message[]): unknown =>
    kinds(messages, "fetch").map((message) => message.kind === "fetch" && [message.firstSlot, message.lastSlot]);

  test("in an Accept", () => {
    const node = new Node();
    node.receive(2, accept("1.2", 3, ["c"], 2));
    expect(asked(node.tick())).toEqual([[1, 2]]);
  });

  test("in a Learn", () => {
    expect(asked(new Node().receive(2, learn(1, ["a"], 3)))).toEqual([[2, 3]]);
  });

  test("in a Promise", () => {
    expect(asked(new Node().lead({ chosenUpTo: 2 }).tick())).toEqual([[1, 2]]);
  });
});

describe("a follower hears its leader", () => {
  test("a Commit is enough to follow it", () => {
    const node = new Node();
    node.receive(2, { kind: "commit", ballot: ballot("1.2"), chosenUpTo: 0 });
    expect(node.replica.status().leader).toBe(2);
  });

  test("its Beat announces what is chosen", () => {
    const node = new Node();
    node.receive(2, accept("1.2", 1, ["a"]));
    node.receive(2, { kind: "beat", ...factsOf({ leaderBallot: ballot("1.2"), chosenUpTo: 1 }) });
    expect(node.replica.status().chosenUpTo).toBe(1);
  });
});

describe("a Reject by a node without a leader", () => {
  const reject: Message = {
    kind: "reject",
    ballot: ballot("1.1"),
    promised: ballot("7.2"),
    content: false,
    leaderBallot: null,
    leaseLeftMs: 0,
  };

  test.each([
    ["the leader goes on in a higher ballot", {}, "candidate"],
    [
      "unless somebody is content under a higher one",
      { leaderBallot: ballot("7.2"), promised: ballot("7.2"), content: true },
      "follower",
    ],
  ])("%s", (_what, facts, role) => {
    const node = new Node().lead();
    node.hear(facts);
    expect(node.replica.leads).toBe(true);
    node.receive(3, reject);
    // What node 2 said before is old news: it is asked once more.
    expect(node.replica.status().role).toBe("follower");
    node.hear(facts);
    node.tick();
    expect(node.replica.status().role).toBe(role);
  });
});

describe("a candidate whose own promise is not on disk", () => {
  test("asks for nothing more and starts no other candidacy, and is not content after one timeout", () => {
    const configuration = configurationOf(3, 8);
    const replica = new Replica({ nodeId: 1, bootId: "1:1", configuration, recovered: nothing });
    const campaigns: number[] = [];
    let prepares = 0;
    let write = 0;
    for (let ms = 0, n = 0; n < 60; ms += ROUND_MS, n++) {
      replica.tick(ms, 0);
      const { sends, notices } = replica.takeEffects();
      prepares += sends.filter(({ message }) => message.kind === "prepare").length;
      if (notices.some(({ kind }) => kind === "campaign")) campaigns.push(ms);
      // The disk hangs with the first write, that of the promise.
      if (write === 0) write = replica.takeWrite()?.id ?? 0;
      const beat = sends.find(({ message }) => message.kind === "beat")?.message;
      if (beat?.kind === "beat") replica.receive(2, { kind: "beatReply", ...factsOf(), round: beat.round });
    }
    expect([campaigns.length, prepares, replica.status().content]).toEqual([1, 2, false]);
    replica.writeDone(write);
    expect(replica.status()).toMatchObject({ role: "candidate", content: true });
  });
});

describe("behind a write that hangs", () => {
  const hung = (): { receive: (from: number, message: Message) => Send[]; held: () => number; done: () => Send[] } => {
    const replica = new Replica({
      nodeId: 1,
      bootId: "1:1",
      configuration: configurationOf(3, 64),
      recovered: nothing,
    });
    const outbox = new Outbox();
    let isWriting = false;
    replica.tick(0, 0);
    const receive = (from: number, message: Message): Send[] => {
      replica.receive(from, message);
      isWriting ||= replica.takeWrite() !== null;
      return outbox.add(replica.takeEffects().sends);
    };
    const done = (): Send[] => {
      replica.writeDone(1);
      return outbox.durable(1);
    };
    return { receive, held: () => outbox.heldCount, done };
  };
  const ofKind = (sends: readonly Send[], kind: Message["kind"]): number => {
    return sends.filter(({ message }) => message.kind === kind).length;
  };

  test("a candidate that asks again and again gets two answers", () => {
    const { receive, held, done } = hung();
    for (let i = 0; i < 100; i++) receive(3, { kind: "prepare", ballot: ballot("2.3"), fromSlot: 1 });
    expect(held()).toBe(2);
    expect(ofKind(done(), "promise")).toBe(2);
    expect(ofKind(receive(3, { kind: "prepare", ballot: ballot("2.3"), fromSlot: 1 }), "promise")).toBe(1);
  });

  test("a leader that sends values again and again gets one answer for each of its votes", () => {
    const { receive, held, done } = hung();
    for (let i = 0; i < 100; i++) receive(2, accept("1.2", 1, ["a", "b"]));
    expect(held()).toBe(1);
    expect(done().map(({ message }) => message)).toMatchObject([{ kind: "accepted", slots: [[1, 2]] }]);
    expect(ofKind(receive(2, accept("1.2", 1, ["a", "b"])), "accepted")).toBe(1);
  });

  test("a new vote among repeated ones is answered as soon as it may be", () => {
    const { receive, held } = hung();
    receive(2, accept("1.2", 1, ["a", "b"]));
    receive(2, accept("1.2", 2, ["b", "c"]));
    expect(held()).toBe(2);
  });

  test("a vote that is on disk is answered again at once, whatever waits beside it", () => {
    const { receive, done } = hung();
    receive(2, accept("1.2", 1, ["a"]));
    done();
    receive(2, accept("1.2", 2, ["b"]));
    const again = receive(2, accept("1.2", 1, ["a", "b"])).map(({ message }) => message);
    expect(again).toMatchObject([{ kind: "accepted", slots: [[1, 1]] }]);
  });
});

describe("a broken connection", () => {
  test("a question that was on the way is asked again", () => {
    const node = new Node();
    expect(kinds(node.receive(2, learn(1, ["a"], 3)), "fetch").length).toBe(1);
    expect(kinds(node.tick(), "fetch")).toEqual([]);
    node.replica.peerLost(2);
    expect(kinds(node.tick(), "fetch").length).toBe(1);
  });

  test("so are open proposals, once they are as old as a vote may take", () => {
    const node = new Node().lead();
    node.replica.propose(valueOf("a"));
    const toWhom = (): number => kinds(node.tick(), "accept").length;
    node.hear({ promised: ballot("1.1"), leaderBallot: ballot("1.1") });
    expect([toWhom(), toWhom(), toWhom(), toWhom(), toWhom()]).toEqual([0, 0, 2, 0, 0]);
    node.replica.peerLost(2);
    expect(toWhom()).toBe(1);
  });
});

test("readers that waited for the answer to an earlier question ask at once when it comes", () => {
  const node = new Node();
  node.receive(2, { kind: "commit", ballot: ballot("1.2"), chosenUpTo: 0 });
  expect(kinds(node.read(1), "readIndexAsk")).toMatchObject([{ nonce: 1 }]);
  expect(kinds(node.read(2), "readIndexAsk")).toEqual([]);
  const reply: Message = { kind: "readIndexReply", bootId: "1:1", nonce: 1, index: 0 };
  expect(kinds(node.receive(2, reply), "readIndexAsk")).toMatchObject([{ nonce: 2 }]);
});

test("reads that come in one turn share a question", () => {
  const node = new Node();
  node.receive(2, { kind: "commit", ballot: ballot("1.2"), chosenUpTo: 0 });
  node.replica.read(1);
  expect(kinds(node.read(2), "readIndexAsk")).toMatchObject([{ nonce: 1 }]);
  node.replica.receive(2, { kind: "readIndexReply", bootId: "1:1", nonce: 1, index: 0 });
  expect(node.replica.takeEffects().reads).toMatchObject([{ tokens: [1, 2], index: 0 }]);
});
