import { describe, expect, test } from "vitest";
import { type TestFunction, transportSuite } from "../src/index.js";
import { MiniNetwork, type TransportBug } from "./mini-transport.js";
import { trials } from "./run.js";

const suite = (bug?: TransportBug) => (register: TestFunction) =>
  transportSuite({ test: register, create: () => new MiniNetwork(bug), guardMs: bug === undefined ? 5_000 : 100 });

describe("a transport that keeps the contract", () => {
  suite()(test);
});

const broken: [TransportBug, string][] = [
  ["delivers inside of send", "no handler runs inside of send"],
  ["gives all receivers one frame", "a frame for several peers reaches each of them, and each owns what it got"],
  ["gives views into a pool", "a frame that is kept keeps no more than as much memory again"],
  ["reuses its receive buffer", "received frames stay as they were while others come"],
  ["spoils the sender's frame", "send leaves the frame as it is"],
  ["drops empty frames", "frames of all lengths arrive unchanged in the control lane"],
  ["reverses a burst", "each lane keeps its order on a healthy link"],
  ["has one lane", "control frames overtake a full bulk lane"],
  ["names the wrong sender", "both directions carry frames at the same time"],
  ["has no limit", "the queue of the bulk lane has a limit, and takes more once it drained"],
  ["never frees its queue", "the queue of the control lane has a limit, and takes more once it drained"],
  ["counts content alone", "empty frames do not pile up without bound"],
  ["throws when full", "the queue of the bulk lane has a limit, and takes more once it drained"],
  ["throws for nobody", "send never throws, whoever it is for"],
  ["shares one queue among peers", "a full queue is full for that peer alone"],
  ["delivers to itself", "an unknown peer, and the node itself, are never reached; the others of a broadcast are"],
  [
    "gives up a broadcast at the first peer",
    "an unknown peer, and the node itself, are never reached; the others of a broadcast are",
  ],
  ["takes frames for whoever is down", "nothing is taken before the start, or for a peer that is not there"],
  ["takes frames before the start", "nothing is taken before the start, or for a peer that is not there"],
  ["takes frames that are too long", "a frame that is too long is dropped from the bulk lane"],
  ["starts twice", "it is started once, and closed even if it never was"],
  ["shares a place", "a place that is taken is refused, and free again after close"],
  ["keeps its place", "a place that is taken is refused, and free again after close"],
  ["waits for peers at start", "start settles though no peer is there, and finds one that comes later"],
  ["takes a new disk for the old one", "an incarnation with another store, however often it was opened is refused"],
  ["forgets incarnations", "an incarnation with a lower boot count is refused"],
  ["compares boot counts alone", "an incarnation with the same boot count with another boot id is refused"],
  [
    "overlooks which store is named",
    "a store that the address book names is let in, however often another was opened under its id",
  ],
  [
    "counts the boots of another store",
    "a store that the address book names is let in, however often another was opened under its id",
  ],
  ["lets any cluster in", "nodes of two clusters do not meet"],
  ["keeps links to former members", "members come and go"],
  ["reconnects at every setMembers", "setMembers with the same members changes nothing"],
  ["never says down", "a network without the closed one goes on"],
  ["says up without who", "both sides are told who the other one is"],
  ["stops at a throwing handler", "handlers that throw lose that call and no more"],
  ["dies of a throwing handler", "handlers that throw lose that call and no more"],
  ["talks after close", "close may be called twice, and nothing is heard after it"],
  ["closes once", "close may be called twice, and nothing is heard after it"],
  ["starts again after close", "close may be called twice, and nothing is heard after it"],
  ["closes what was started alone", "it is started once, and closed even if it never was"],
];

const trial = trials<TransportBug>(suite);

test.each(broken)("a transport that %s fails: %s", async (bug, name) => {
  const { failed, names } = await trial.of(bug);
  expect([...failed.keys()]).toContain(name);
  expect(failed.size).toBeLessThan(names.length);
});

test("every case of the suite can fail", async () => {
  expect(await trial.toothless(broken.map(([bug]) => bug))).toEqual([]);
});
