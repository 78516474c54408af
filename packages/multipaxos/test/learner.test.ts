import { describe, expect, test } from "vitest";
import { type Message, Replica, type ReplicaOptions } from "../src/index.js";
import { configurationOf, headOf, valueOf } from "./disk.js";
import { accept, ballot, vote } from "./support.js";

/** What storage finds where votes up to slot 3 may be missing. */
const damaged: ReplicaOptions["recovered"] = {
  promised: ballot("5.2"),
  votes: [vote(2, "1.2", "old"), vote(3, "5.2", "c")],
  chosen: [],
  chosenUpTo: 1,
  snapshot: { index: 1, bytes: 1 },
  leaseMs: 0,
  damage: { upTo: 3, places: [{ file: "wal", offset: 0, what: "rot" }] },
};

const replicaOf = (recovered = damaged): Replica =>
  new Replica({ nodeId: 1, bootId: "1:1", configuration: configurationOf(3, 8), recovered });

const beat = (chosenUpTo: number): Extract<Message, { kind: "beat" }> => ({
  kind: "beat",
  round: 1,
  candidacy: null,
  promised: ballot("5.2"),
  leaderBallot: ballot("5.2"),
  content: true,
  chosenUpTo,
  durableUpTo: chosenUpTo,
  impaired: false,
  priority: 0,
});

const learn = (firstSlot: number, texts: string[]): Message => ({
  kind: "learn",
  firstSlot,
  values: texts.map(valueOf),
  chosenUpTo: firstSlot + texts.length - 1,
});

/** Kinds of what it sends, and what it says of it. */
function hear(replica: Replica, ...messages: Message[]): { sent: string[]; ignored: number; notices: string[] } {
  for (const message of messages) replica.receive(2, message);
  const { sends, notices } = replica.takeEffects();
  return {
    sent: sends.map(({ message }) => message.kind),
    ignored: notices.filter(({ kind }) => kind === "ignored").length,
    notices: notices.map(({ kind }) => kind),
  };
}

describe("a node that may have forgotten votes", () => {
  test.each<[string, Message]>([
    ["Prepare", { kind: "prepare", ballot: ballot("9.2"), fromSlot: 1 }],
    ["Prepare of a low ballot", { kind: "prepare", ballot: ballot("1.2"), fromSlot: 1 }],
    ["Accept", accept("9.2", 4, ["d"])],
    ["Accept of a low ballot", accept("1.2", 4, ["d"])],
    ["Confirm", { kind: "confirm", ballot: ballot("9.2"), nonce: 1 }],
  ])("answers no %s, promises and writes nothing, and says so", (_, message) => {
    const replica = replicaOf();
    expect(hear(replica, message)).toMatchObject({ sent: [], ignored: 1 });
    expect(replica.takeWrite()).toBeNull();
    expect(replica.status()).toMatchObject({ voting: false, promised: ballot("5.2") });
  });

  test("is not heard in elections, hears itself, and never campaigns", () => {
    const replica = replicaOf();
    expect(hear(replica, beat(1)).sent).not.toContain("beatReply");
    const kinds = new Set<string>();
    for (let nowMs = 0; nowMs < 5_000; nowMs += 20) {
      replica.tick(nowMs, 0.5);
      for (const from of [2, 3]) {
        for (const { message } of replica.takeEffects().sends) {
          kinds.add(message.kind);
          if (message.kind !== "beat") continue;
          const reply = {
            ...beat(1),
            kind: "beatReply",
            round: message.round,
            leaderBallot: null,
            content: false,
          } as const;
          replica.receive(from, reply);
        }
      }
    }
    expect([...kinds]).toEqual(["beat"]);
    expect(replica.status().role).toBe("follower");
  });

  test("serves what it knows for sure, and nothing else", () => {
    const replica = replicaOf({ ...damaged, chosen: [{ slot: 2, value: valueOf("b") }], chosenUpTo: 2 });
    replica.receive(2, { kind: "fetch", firstSlot: 2, lastSlot: 3 });
    expect(replica.takeEffects().sends.map(({ message }) => message)).toMatchObject([
      { kind: "learn", firstSlot: 2, values: [valueOf("b")], chosenUpTo: 2 },
    ]);
  });

  test("writes down whatever it learns, and votes again when that is on its disk and not before", () => {
    const replica = replicaOf();
    // It cast this vote before the damage; another opening might find that one lost, too.
    hear(replica, { kind: "commit", ballot: ballot("5.2"), chosenUpTo: 3 });
    expect(replica.status().chosenUpTo).toBe(1);
    hear(replica, learn(2, ["b"]), learn(3, ["c"]));
    expect(replica.status()).toMatchObject({ chosenUpTo: 3, voting: false });
    const write = replica.takeWrite();
    expect(write?.write).toMatchObject({ chosen: [{ slot: 2 }, { slot: 3 }], chosenUpTo: 3 });
    expect(hear(replica, { kind: "prepare", ballot: ballot("9.2"), fromSlot: 1 }).sent).toEqual([]);
    replica.writeDone(write?.id ?? 0);
    expect(replica.status()).toMatchObject({ voting: true, durableUpTo: 3 });
    expect(hear(replica)).toMatchObject({ notices: ["votesAgain"] });
    // Its old vote of slot 2 is not reported: everything up to slot 3 is chosen, and can be fetched.
    replica.receive(2, { kind: "prepare", ballot: ballot("9.2"), fromSlot: 1 });
    expect(replica.takeEffects().sends.map(({ message }) => message)).toMatchObject([
      { kind: "promise", ballot: ballot("9.2"), votes: [], chosenUpTo: 3 },
    ]);
    expect(hear(replica, accept("9.2", 4, ["d"])).sent).toEqual(["accepted"]);
  });

  test("votes again, and says so, when a snapshot has what it may have voted on", () => {
    const replica = replicaOf();
    expect(hear(replica)).toMatchObject({ notices: [] });
    replica.installSnapshot({ index: 4, hash: "h", bytes: 1 }, headOf(configurationOf(3, 8)));
    expect(replica.status().voting).toBe(true);
    expect(hear(replica).notices).toContain("votesAgain");
    expect(hear(replica).notices).not.toContain("votesAgain");
  });

  test("keeps the promise that it may have made in what was lost", () => {
    const replica = replicaOf({ ...damaged, damage: { upTo: 1, places: [] } });
    expect(replica.status().voting).toBe(true);
    expect(hear(replica, { kind: "prepare", ballot: ballot("5.1"), fromSlot: 1 })).toMatchObject({ ignored: 1 });
    expect(hear(replica, { kind: "prepare", ballot: ballot("4.2"), fromSlot: 1 }).sent).toEqual(["reject"]);
  });
});
