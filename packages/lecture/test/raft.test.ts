import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  beginRun,
  choices,
  createWorld,
  invariantsOf,
  judge,
  lastWorld,
  nextWorld,
  PAIRS,
  playPair,
  playScript,
  type Protocol,
  PROTOCOLS,
  raftCountsCopies,
  violationOf,
  type World,
} from "../src/index.ts";

const raft = PROTOCOLS.find((one) => one.id === "raft")!;
const play = (script: readonly string[], protocol: Protocol = raft): World =>
  lastWorld(playScript(beginRun(protocol), script));

/** In every world on the way: no two leaders of one term, and nobody takes for committed what is not. */
function wrongIn(protocol: Protocol, servers: number, picks: readonly number[]): string {
  const leaders = new Map<number, string>();
  let world = createWorld(protocol, servers);
  const bounds = {
    values: ["m1", "m2", "m3"].map((value, index) => ({ value, by: `C${index + 1}` })),
    timeouts: 8,
    crashes: 3,
    restarts: 3,
    losses: 5,
    duplicates: 5,
  };
  for (const pick of picks) {
    const open = choices(protocol, world, bounds);
    const action = open[pick % Math.max(1, open.length)];
    if (action === undefined) break;
    world = nextWorld(protocol, world, action);
    for (const { up, state } of Object.values(world.servers)) {
      if (!up || state.leads !== true) continue;
      const other = leaders.get(state.promised ?? 0) ?? state.me;
      if (other !== state.me) return `${other} and ${state.me} both lead term ${state.promised}`;
      leaders.set(state.promised ?? 0, state.me);
    }
    const broken = invariantsOf(protocol, world).find((one) => !one.holds);
    const words = violationOf(world)?.words ?? (broken === undefined ? "" : `${broken.id}: ${broken.words}`);
    if (words !== "") return words;
  }
  return "";
}

describe("Raft", () => {
  it("gives one vote a term, and none to a log that is older than its own", () => {
    const split = play(["S2 timeout", "S3 timeout", "S2 > S3 RV", "S3 > S2 RV"]);
    expect(Object.values(split.servers).some(({ state }) => state.leads === true && state.promised === 2)).toBe(false);
    const older = play(["C1 asks m1 of S1", "S1 > S2 AE", "S3 timeout", "S3 > S2 RV"]);
    expect(older.flights.some(({ message }) => message.type === "VOTED")).toBe(false);
    const newer = play(["C1 asks m1 of S1", "S1 > S2 AE", "S2 timeout", "S2 > S3 RV", "S3 > S2 VOTED"]);
    expect(newer.servers["S2"]?.state.leads).toBe(true);
  });

  it("puts an entry only behind the one that stands before it in the leader's log", () => {
    const world = play([
      "C1 asks m1 of S1",
      "S1 x S2 S3 AE",
      "S2 timeout",
      "S2 > S3 RV",
      "S3 > S2 VOTED",
      "S2 > S1 AE",
    ]);
    expect(world.servers["S1"]?.state.accepted).toEqual({ 1: { rnd: 2, value: "no-op" } });
    const gap = play([
      "C1 asks m1 of S1",
      "S1 x S3 AE",
      "S1 > S2 AE",
      "S2 > S1 OK",
      "C2 asks m2 of S1",
      "S1 > S2 AE m2",
    ]);
    expect(gap.chosen.map(({ slot, value }) => [slot, value])).toEqual([
      [1, "m1"],
      [2, "m2"],
    ]);
  });

  it("a copy of an old term on a majority is neither chosen nor counted; one of the leader's own behind it decides both", () => {
    const pair = PAIRS.find((one) => one.id === "old-entry")!;
    const { run, ends } = playPair(pair, "raft");
    const copied = run.worlds[ends[2]!]!;
    const have = Object.values(copied.servers).filter(({ state }) => state.accepted?.[1]?.value === "foo");
    expect([have.length, copied.chosen, copied.answers]).toEqual([2, [], []]);
    const script = pair.moments.slice(0, 3).flatMap((moment) => moment.raft);
    const decided = play([...script.slice(0, -1), "S1 > S2 AE no-op", "S2 > S1 OK"]);
    expect(decided.chosen.map(({ slot, rnd, value }) => [slot, rnd, value])).toEqual([
      [1, 3, "foo"],
      [2, 3, "no-op"],
    ]);
    expect(decided.answers.map(({ value }) => value)).toEqual(["foo"]);
  });

  it("what its leaders propose is looked at, and P2c, by which Paxos chooses values, is not asked of it", () => {
    const rules = (world: World): string[] =>
      invariantsOf(raft, world).map(({ id, holds }) => (holds ? id : `no ${id}`));
    const chosen = ["C1 asks foo of S1", "S1 > S2 AE"];
    expect(rules(play(chosen))).toEqual(["P1a", "P2", "P2a", "P2b", "learned"]);
    const lost = ["S2 crashes", "S2 restarts without its disk", "S3 timeout", "S3 > S2 RV", "S2 > S3 VOTED"];
    expect(rules(play([...chosen, ...lost]))).toEqual(["P1a", "P2", "no P2a", "no P2b", "learned"]);
  });

  it("is right where P2c is broken: three of five have voted there for what was never chosen", () => {
    const first = ["C1 asks m1 of S1", "S1 > S2 AE", "S2 > S1 OK", "C2 asks m2 of S1", "S1 > S2 AE m2"];
    const second = ["S3 timeout", "S3 > S4 S5 RV", "S4 > S3 VOTED", "S5 > S3 VOTED", "S3 > S4 AE", "C3 asks m3 of S3"];
    const third = ["S4 timeout", "S4 > S5 S1 RV", "S5 > S4 VOTED", "S1 > S4 VOTED"];
    const world = lastWorld(playScript(beginRun(raft, 5), [...first, ...second, ...third]));
    const { family: _, ...asPaxos } = raft;
    const broken = (protocol: Protocol): string[] =>
      invariantsOf(protocol, world).flatMap(({ id, holds }) => (holds ? [] : [id]));
    expect([broken(raft), broken(asPaxos)]).toEqual([[], ["P2c"]]);
  });

  it.each([3, 5])("holds in every order of events, with %i servers", (servers) => {
    const picks = fc.array(fc.nat(1_000), { minLength: 40, maxLength: 160 });
    const holds = fc.property(picks, (some) => {
      expect(wrongIn(raft, servers, some)).toBe("");
    });
    fc.assert(holds, { numRuns: 150 });
  });

  it("counting copies of an old term loses an answer", () => {
    const { protocol, was, is } = raftCountsCopies;
    expect(was).not.toBe(is);
    const pair = PAIRS.find((one) => one.id === "old-entry")!;
    const script = pair.moments.slice(0, 3).flatMap((moment) => moment.raft);
    const world = play(script, protocol);
    expect(world.answers.map(({ value }) => value)).toEqual(["foo"]);
    expect(
      invariantsOf(protocol, world)
        .filter((one) => !one.holds)
        .map((one) => one.id),
    ).toEqual(["learned"]);
  });
});

describe.each(PAIRS.map((pair) => [pair.id, pair] as const))("beside each other: %s", (_, pair) => {
  it.each(["paxos", "raft"] as const)("%s comes to the verdict", (side) => {
    const { run, ends } = playPair(pair, side);
    expect(judge(run).kind).toBe(pair.verdict);
    expect(ends.at(-1)).toBe(run.rows.length);
  });
});
