import { type Ballot, type Recovered, type Slot, type Storage, type StorageWrite, SynodError } from "@synod/interface";
import { describe, expect, test } from "vitest";
import { fileStorage } from "../src/index.js";
import { Halted, SeededRandom, SimulatedDisk } from "./simulated-disk.js";
import { ballot, bytes, collect, format, write } from "./support.js";

type Step =
  | { readonly kind: "write"; readonly write: StorageWrite }
  | { readonly kind: "snapshot"; readonly index: Slot }
  | { readonly kind: "drop"; readonly upTo: Slot };

interface State {
  promised: Ballot | null;
  votes: Map<Slot, string>;
  chosen: Map<Slot, string>;
  chosenUpTo: Slot;
  snapshot: Slot;
}

const blankState = (): State => ({ promised: null, votes: new Map(), chosen: new Map(), chosenUpTo: 0, snapshot: 0 });

function applied(before: State, step: Step): State {
  const state = { ...before, votes: new Map(before.votes), chosen: new Map(before.chosen) };
  if (step.kind === "drop") return state;
  if (step.kind === "snapshot") return covered({ ...state, snapshot: step.index });
  const { promised, votes, chosen, chosenUpTo } = step.write;
  state.promised = promised ?? state.promised;
  state.chosenUpTo = Math.max(state.chosenUpTo, chosenUpTo ?? 0);
  for (const vote of votes) state.votes.set(vote.slot, `${vote.ballot.round}: ${summary(vote.value)}`);
  for (const { slot, value } of chosen) state.chosen.set(slot, summary(value));
  return covered(state);
}

/** What a snapshot covers is not recovered. */
function covered(state: State): State {
  for (const map of [state.votes, state.chosen])
    for (const slot of map.keys()) if (slot <= state.snapshot) map.delete(slot);
  return { ...state, chosenUpTo: Math.max(state.chosenUpTo, state.snapshot) };
}

const summary = (value: Uint8Array): string => Buffer.from(value).toString("hex");
const entries = (map: Map<Slot, string>): [Slot, string][] => [...map].sort(([a], [b]) => a - b);
const inOrder = (state: State): unknown => ({ ...state, votes: entries(state.votes), chosen: entries(state.chosen) });

function stateOf(recovered: Recovered): State {
  expect(recovered.damage, "a power cut is no damage").toBeUndefined();
  return {
    promised: recovered.promised,
    votes: new Map(recovered.votes.map(({ slot, ballot: { round }, value }) => [slot, `${round}: ${summary(value)}`])),
    chosen: new Map(recovered.chosen.map(({ slot, value }) => [slot, summary(value)])),
    chosenUpTo: recovered.chosenUpTo,
    snapshot: recovered.snapshot?.index ?? 0,
  };
}

const snapshotText = (index: Slot): string => `state at ${index} `.repeat(40);

/** A log life: votes that fill segments, a promise, learned values, snapshots and drops. */
function script(random: SeededRandom, length: number): Step[] {
  let slot = 0;
  let snapshot = 0;
  return Array.from({ length }, (_, i): Step => {
    const dice = random.below(10);
    if (dice === 0 && slot > snapshot + 2) {
      snapshot = slot - random.below(2);
      return { kind: "snapshot", index: snapshot };
    }
    if (dice === 1 && snapshot > 0) return { kind: "drop", upTo: snapshot - random.below(2) };
    const votes = Array.from({ length: random.below(3) }, () => ({
      slot: ++slot,
      ballot: ballot(i),
      value: new Uint8Array(random.below(random.chance(0.1) ? 3000 : 300)).fill(i),
    }));
    const learned = random.chance(0.2) ? [{ slot: slot + 1, value: bytes(`learned ${i}`) }] : [];
    return {
      kind: "write",
      write: write({ promised: ballot(i), votes, chosen: learned, chosenUpTo: Math.max(0, slot - 2) }),
    };
  });
}

async function run(storage: Storage, step: Step): Promise<void> {
  if (step.kind === "write") await storage.write(step.write);
  else if (step.kind === "drop") await storage.drop(step.upTo);
  else await storage.saveSnapshot(step.index, [bytes(snapshotText(step.index))]);
}

const DIRECTORY = "/data";
const storageOn = (disk: SimulatedDisk): Storage =>
  fileStorage({ directory: DIRECTORY, fileSystem: disk.mount(), segmentBytes: 1024 });

/** One disk, what was acknowledged on it, and what was under way and may be there or not. */
class Life {
  readonly disk = new SimulatedDisk();
  state: State = blankState();
  #underWay: Step | undefined;
  #formatted = false;
  #boots = 0;

  /** Opens, checks what is there, runs the steps. Rejects where the disk ends it. */
  async live(steps: readonly Step[]): Promise<void> {
    const storage = storageOn(this.disk);
    try {
      await this.#open(storage);
      for (const step of steps) {
        if (step.kind === "snapshot" && step.index <= this.state.snapshot) continue;
        if (step.kind === "drop" && step.upTo > this.state.snapshot) continue;
        this.#underWay = step;
        await run(storage, step);
        this.state = applied(this.state, step);
        this.#underWay = undefined;
      }
    } finally {
      await storage.close();
    }
  }

  async #open(storage: Storage): Promise<void> {
    const held = this.disk.directories.get(DIRECTORY)?.names.has("identity") === true;
    if (!held && this.#formatted) throw new Error("the store is gone");
    const recovered = await storage.open(held ? {} : { create: format });
    this.#formatted = true;
    expect(recovered.identity.bootCount).toBeGreaterThan(this.#boots);
    this.#boots = recovered.identity.bootCount;
    const found = stateOf(recovered);
    const possible = [this.state, ...(this.#underWay === undefined ? [] : [applied(this.state, this.#underWay)])];
    expect(possible.map(inOrder)).toContainEqual(inOrder(found));
    this.state = found;
    this.#underWay = undefined;
    if (found.snapshot > 0) expect(await collect(storage.readSnapshot())).toBe(snapshotText(found.snapshot));
  }

  /** The same, until the machine or the process ends at a call of the file system. Says whether it came to that. */
  async liveUntil(call: number, random: SeededRandom, steps: readonly Step[]): Promise<boolean> {
    const at = this.disk.count + call;
    const power = random.chance(0.7);
    const end = (): void => (power ? this.disk.powerCut(random) : this.disk.kill());
    let ended = false;
    this.disk.before = (_operation, _path, count) => {
      if (count < at || ended) return;
      ended = true;
      end();
    };
    try {
      await this.live(steps);
    } catch (error) {
      if (!ended || !wasHalted(error)) throw error;
    } finally {
      this.disk.before = () => {};
    }
    if (!ended) end();
    return ended;
  }
}

function wasHalted(error: unknown): boolean {
  return error instanceof SynodError && error.code === "StoreFailed" && error.cause instanceof Halted;
}

describe("the end of machine or process at any call of the file system", () => {
  test("loses nothing acknowledged and refuses nothing falsely, at every call of one life with snapshots and drops", {
    timeout: 120_000,
  }, async () => {
    const steps = script(new SeededRandom(11), 40);
    expect(new Set(steps.map(({ kind }) => kind)).size).toBe(3);
    let call = 1;
    for (let ended = true; ended; call++) {
      for (let seed = 0; seed < 3; seed++) {
        const random = new SeededRandom(call * 31 + seed);
        const life = new Life();
        ended = await life.liveUntil(call, random, steps);
        for (let i = random.below(3); i > 0; i--) await life.liveUntil(1 + random.below(60), random, []);
        await life.live(script(new SeededRandom(6), 3).map(laterThan(steps)));
        await life.live([]);
      }
    }
    expect(call).toBeGreaterThan(200);
  });

  test("again and again, in 300 random lives", async () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new SeededRandom(seed);
      const life = new Life();
      try {
        for (let lives = 0; lives < 5; lives++) {
          const steps = script(random, 15).map(shifted(lives * 40));
          await life.liveUntil(1 + random.below(random.chance(0.5) ? 60 : 250), random, steps);
        }
        await life.live([]);
      } catch (error) {
        throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
      }
    }
  });
});

/** The same step in higher slots, so that the steps of later lives do not fall below those before. */
function shifted(by: number): (step: Step) => Step {
  return (step) => {
    if (step.kind === "drop") return { kind: "drop", upTo: step.upTo + by };
    if (step.kind === "snapshot") return { kind: "snapshot", index: step.index + by };
    const { promised, votes, chosen, chosenUpTo = 0 } = step.write;
    return {
      kind: "write",
      write: {
        promised: ballot((promised?.round ?? 0) + by),
        votes: votes.map((vote) => ({ ...vote, slot: vote.slot + by })),
        chosen: chosen.map(({ slot, value }) => ({ slot: slot + by, value })),
        chosenUpTo: chosenUpTo + by,
      },
    };
  };
}

function laterThan(steps: readonly Step[]): (step: Step) => Step {
  return shifted(steps.length * 3);
}

describe("a disk that fails", () => {
  const steps = script(new SeededRandom(8), 25);

  test("at any call: the store stops for good, and a new start finds everything acknowledged", async () => {
    const codes = new Set<string>();
    for (let call = 1; ; call++) {
      const life = new Life();
      let failed = false;
      life.disk.before = (_operation, path, count) => {
        if (count !== call - 1) return;
        failed = true;
        throw Object.assign(new Error(`EIO: ${path}`), { code: "EIO" });
      };
      // A failed close of a file, or of one made in advance, may come to light later or never.
      await life.live(steps).catch((error: unknown) => codes.add((error as SynodError).code));
      if (!failed) break;
      life.disk.before = () => {};
      life.disk.kill();
      await life.live([]);
    }
    expect([...codes]).toEqual(["StoreFailed"]);
  });

  test("in a flush, whose pages are then lost: what the next start reads lasts", async () => {
    let failures = 0;
    for (let flush = 1; flush < 80; flush++) {
      for (const seed of [1, 2, 3]) {
        const life = new Life();
        life.disk.failFlush = flush;
        const code = await life.live(steps).then(
          () => "none",
          (error: unknown) => (error as SynodError).code,
        );
        if (code !== "none") failures++;
        life.disk.failFlush = 0;
        // The process starts again and reads the page cache; only then the power goes.
        life.disk.kill();
        await life.live([]);
        life.disk.powerCut(new SeededRandom(seed));
        await life.live([]);
      }
    }
    expect(failures).toBeGreaterThan(60);
  });

  test("every call after a failure is refused, and the failed flush is not tried again", async () => {
    const disk = new SimulatedDisk();
    const storage = storageOn(disk);
    await storage.open({ create: format });
    await storage.saveSnapshot(1, [bytes("x")]);
    const operations: string[] = [];
    disk.before = (operation, path) => {
      operations.push(operation);
      if (operation === "datasync") throw Object.assign(new Error(`EIO: ${path}`), { code: "EIO" });
    };
    const calls = [1, 2].map((slot) =>
      storage.write(write({ votes: [{ slot, ballot: ballot(1), value: bytes("v") }] })),
    );
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: "StoreFailed" });
    await expect(storage.saveSnapshot(2, [])).rejects.toMatchObject({ code: "StoreFailed" });
    await expect(storage.drop(1)).rejects.toMatchObject({ code: "StoreFailed" });
    await expect(collect(storage.readSnapshot())).rejects.toMatchObject({ code: "StoreFailed" });
    expect(operations).toEqual(["write", "write", "datasync"]);
    await storage.close();
  });

  test("for want of space, at any size: a clear stop, and a clean start once there is some", async () => {
    let full = 0;
    for (let capacityBytes = 200; capacityBytes < 12_000; capacityBytes += 173) {
      const life = new Life();
      life.disk.capacityBytes = capacityBytes;
      const code = await life.live(steps).then(
        () => "none",
        (error: unknown) => (error as SynodError).code,
      );
      expect(["none", "StoreFull"]).toContain(code);
      if (code === "none") break;
      full++;
      life.disk.kill();
      // A start on the full disk fails clearly or works; neither spoils anything.
      await life.live([]).catch((error: unknown) => expect(error).toMatchObject({ code: "StoreFull" }));
      life.disk.kill();
      life.disk.capacityBytes = Number.POSITIVE_INFINITY;
      await life.live([]);
    }
    expect(full).toBeGreaterThan(10);
  });
});
