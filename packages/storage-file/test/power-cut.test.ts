import { type Recovered, type Storage, type StorageWrite, SynodError } from "@synod/interface";
import { describe, expect, it } from "vitest";
import { fileStorage } from "../src/index.js";
import { randomOf, ForgetfulDisk } from "./forgetful-disk.js";

const DIRECTORY = "/disk/store";
const SEEDS = Number(process.env["SYNOD_SEEDS"] ?? 400);
const START = Number(process.env["SYNOD_START"] ?? 1);
const founders = { epoch: 1, members: [{ id: 1 }], alpha: 8, quorum: { kind: "majority" } } as const;

/** What a store should hold. */
interface Model {
  promised: string;
  votes: Map<number, string>;
  chosen: Map<number, string>;
  chosenUpTo: number;
}

const text = (bytes: Uint8Array): string => `${bytes.length}:${bytes.slice(0, 12).join(".")}`;
const ballotText = (ballot: { round: number; node: number } | null): string =>
  ballot === null ? "-" : `${ballot.round}.${ballot.node}`;
const blank = (): Model => ({ promised: "-", votes: new Map(), chosen: new Map(), chosenUpTo: 0 });

function after(model: Model, write: StorageWrite): Model {
  const next = { ...model, votes: new Map(model.votes), chosen: new Map(model.chosen) };
  if (write.promised !== undefined) next.promised = ballotText(write.promised);
  for (const vote of write.votes) next.votes.set(vote.slot, `${ballotText(vote.ballot)} ${text(vote.value)}`);
  for (const { slot, value } of write.chosen) next.chosen.set(slot, text(value));
  next.chosenUpTo = write.chosenUpTo ?? next.chosenUpTo;
  return next;
}

function found(recovered: Recovered): Model {
  return {
    promised: ballotText(recovered.promised),
    votes: new Map(recovered.votes.map((vote) => [vote.slot, `${ballotText(vote.ballot)} ${text(vote.value)}`])),
    chosen: new Map(recovered.chosen.map(({ slot, value }) => [slot, text(value)])),
    chosenUpTo: recovered.chosenUpTo,
  };
}

/** The one of two states that a store is in, or null. */
function which(model: Model, candidates: readonly Model[]): Model | null {
  const plain = (m: Model): string =>
    JSON.stringify([m.promised, m.chosenUpTo, [...m.votes].sort(byNumber), [...m.chosen].sort(byNumber)]);
  return candidates.find((candidate) => plain(candidate) === plain(model)) ?? null;
}
const byNumber = (a: readonly [number, string], b: readonly [number, string]): number => a[0] - b[0];

let round = 0;
function randomWrite(random: () => number, model: Model): StorageWrite {
  round++;
  const pick = (count: number): number => Math.floor(random() * count);
  const value = (): Uint8Array => new Uint8Array([1, 20, 700, 5000][pick(4)] ?? 1).fill(1 + pick(250));
  const ballot = { round, node: 1 };
  const votes = Array.from({ length: pick(4) }, (_, i) => ({ slot: 1 + pick(20) * 4 + i, ballot, value: value() }));
  const chosen = random() < 0.3 ? [{ slot: 1 + pick(40), value: value() }] : [];
  return {
    ...(random() < 0.6 || votes.length > 0 ? { promised: ballot } : {}),
    votes,
    chosen,
    ...(random() < 0.3 ? { chosenUpTo: model.chosenUpTo + 1 } : {}),
  };
}

interface Life {
  readonly disk: ForgetfulDisk;
  readonly random: () => number;
  /** The store must be in one of these states: the acknowledged one, or that with the write that was under way. */
  states: Model[];
  formatted: boolean;
  boots: Set<number>;
}

function open(disk: ForgetfulDisk): Storage {
  return fileStorage({ directory: DIRECTORY, fileSystem: disk.fileSystem(), segmentBytes: 4096 });
}

/** One life of the process: opens, checks what is there, writes until the power goes. */
async function live(life: Life): Promise<void> {
  const { disk, random } = life;
  const storage = open(disk);
  try {
    const create = { clusterId: "c", nodeId: 1, founders };
    const recovered = await storage.open(life.formatted ? {} : { create });
    life.formatted = true;
    expect(life.boots.has(recovered.identity.bootCount), "a boot is counted twice").toBe(false);
    life.boots.add(recovered.identity.bootCount);
    expect(recovered.damage, "a power cut is no damage").toBeUndefined();
    const state = which(found(recovered), life.states);
    expect(state, `found ${JSON.stringify([...found(recovered).votes])}`).not.toBeNull();
    let model = state ?? blank();
    life.states = [model];
    for (let i = 0; i < 12; i++) {
      const write = randomWrite(random, model);
      const next = after(model, write);
      life.states = [model, next];
      await storage.write(write);
      model = next;
      life.states = [model];
    }
  } finally {
    await storage.close().catch(() => undefined);
  }
}

async function schedule(seed: number): Promise<void> {
  const random = randomOf(seed);
  const disk = new ForgetfulDisk();
  const life: Life = { disk, random, states: [blank()], formatted: false, boots: new Set() };
  for (let lives = 0; lives < 6; lives++) {
    // Many cuts fall into the opening itself, which is where the repairs are made.
    disk.cutAtCall = disk.calls + 1 + Math.floor(random() * (random() < 0.5 ? 30 : 150));
    try {
      await live(life);
      if (random() < 0.3) disk.processEnds();
      else disk.powerCut(random);
    } catch (error) {
      if (!(error instanceof SynodError) || error.code !== "StoreFailed") throw error;
      disk.powerCut(random);
      // A cut while formatting may leave nothing, or a store that was never opened: formatting again is the founder's act.
      if (!life.formatted && !disk.files().some((name) => name.endsWith("identity"))) continue;
      life.formatted = true;
    }
  }
  disk.cutAtCall = Number.POSITIVE_INFINITY;
  await live(life);
}

describe("power cuts", () => {
  it(`keeps every acknowledged write and refuses nothing falsely: ${SEEDS} schedules from ${START}`, {
    timeout: 120_000,
  }, async () => {
    for (let seed = START; seed < START + SEEDS; seed++) {
      await schedule(seed).catch((cause: unknown) => {
        throw new Error(`seed ${seed}: ${String(cause)}`, { cause });
      });
    }
  });

  it("loses acknowledged writes on a disk that lies about syncing: the check bites", async () => {
    let caught = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const random = randomOf(seed);
      const disk = new ForgetfulDisk();
      const honest = disk.fileSystem();
      const lying = {
        ...honest,
        open: async (path: string, mode: "read" | "write" | "create") => ({
          ...(await honest.open(path, mode)),
          datasync: async () => undefined,
        }),
      };
      const storage = fileStorage({ directory: DIRECTORY, fileSystem: lying, segmentBytes: 4096 });
      await storage.open({ create: { clusterId: "c", nodeId: 1, founders } });
      let model = blank();
      for (let i = 0; i < 5; i++) {
        const write = randomWrite(random, model);
        await storage.write(write);
        model = after(model, write);
      }
      disk.powerCut(random);
      const state = await open(disk)
        .open()
        .then(found, () => null);
      if (state === null || which(state, [model]) === null) caught++;
    }
    expect(caught).toBeGreaterThan(30);
  });
});

describe("failing disks", () => {
  const fresh = async (): Promise<{ disk: ForgetfulDisk; storage: Storage }> => {
    const disk = new ForgetfulDisk();
    const storage = open(disk);
    await storage.open({ create: { clusterId: "c", nodeId: 1, founders } });
    return { disk, storage };
  };
  const vote = (slot: number): StorageWrite => ({
    votes: [{ slot, ballot: { round: 1, node: 1 }, value: new Uint8Array(300) }],
    chosen: [],
    promised: { round: 1, node: 1 },
  });
  const code = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => "settled",
      (error: unknown) => (error as SynodError).code,
    );

  it("stops for good after a failed sync and never tries it again", async () => {
    const { disk, storage } = await fresh();
    await storage.write(vote(1));
    disk.failNextSync = true;
    expect(await code(storage.write(vote(2)))).toBe("StoreFailed");
    const syncs = disk.syncs;
    expect(await code(storage.write(vote(3)))).toBe("StoreFailed");
    expect(disk.syncs).toBe(syncs);
    await storage.close();
    disk.powerCut(() => 0);
    const again = open(disk);
    expect((await again.open()).votes.map(({ slot }) => slot)).toEqual([1]);
    await again.close();
  });

  it("stops when the disk is full, and starts again when there is space", async () => {
    const { disk, storage } = await fresh();
    disk.room = 2000;
    let acknowledged = 0;
    let failure: unknown = "settled";
    while (failure === "settled") {
      failure = await code(storage.write(vote(acknowledged + 1)));
      if (failure === "settled") acknowledged++;
    }
    expect(failure).toBe("StoreFull");
    await storage.close();
    disk.processEnds();
    disk.room = Number.POSITIVE_INFINITY;
    const again = open(disk);
    expect((await again.open()).votes.length).toBeGreaterThanOrEqual(acknowledged);
    await again.write(vote(1000));
    await again.close();
  });
});
