import type { NodeId } from "@synod/interface";
import type { Cluster } from "./cluster.js";
import type { Config, FaultWeights } from "./config.js";
import type { DiskFault } from "./disk.js";
import type { Judge } from "./judge.js";
import { PORT_CALLS } from "./ports.js";
import type { SeededRandom } from "./random.js";
import type { Timeline } from "./timeline.js";
import { partition } from "./topology.js";

const KINDS: readonly (keyof FaultWeights)[] = [
  "kill",
  "powerCut",
  "powerCutAll",
  "close",
  "pause",
  "partition",
  "heal",
  "flap",
  "stumble",
  "armDisk",
  "slowDisk",
  "fullDisk",
  "misread",
  "rot",
  "loseDisk",
  "clockJump",
  "throwFromPort",
  "flipState",
  "transfer",
  "lag",
];

const DISK_FAULTS: readonly DiskFault[] = ["kill", "kill", "power cut", "power cut", "EIO", "ENOSPC"];

/** Longest flush of a slow disk. */
export const SLOWEST_MS = 2_000;

/** Breaks things at random times, and starts what is down again. */
export class Nemesis {
  readonly #cluster: Cluster;
  readonly #config: Config;
  readonly #timeline: Timeline;
  readonly #random: SeededRandom;
  readonly #judge: Judge;
  readonly #without: ReadonlySet<number>;
  #stopped = false;
  /** How often it struck so far, left out or not. */
  strikes = 0;

  constructor(parts: {
    cluster: Cluster;
    /** Numbers of the strikes that are left out. */
    without: ReadonlySet<number>;
    config: Config;
    timeline: Timeline;
    random: SeededRandom;
    judge: Judge;
  }) {
    this.#cluster = parts.cluster;
    this.#without = parts.without;
    this.#config = parts.config;
    this.#timeline = parts.timeline;
    this.#random = parts.random;
    this.#judge = parts.judge;
  }

  start(): void {
    this.#again();
    for (const id of this.#cluster.ids) this.#revive(id);
    this.#cluster.onJoined = (id) => this.#revive(id);
  }

  stop(): void {
    this.#stopped = true;
  }

  #again(): void {
    const { faults, faultEveryMs } = this.#config;
    if (KINDS.every((kind) => faults[kind] === 0)) return;
    // Each strike draws from its own generator: one that is left out changes nothing in the others.
    const random = this.#random.fork();
    const number = this.strikes;
    this.#timeline.after(random.between(0, 2 * faultEveryMs), () => {
      if (this.#stopped) return;
      this.strikes++;
      if (!this.#without.has(number)) this.#strike(random);
      this.#again();
    });
  }

  /** Looks after a node from time to time. */
  #revive(id: NodeId): void {
    this.#timeline.after(this.#random.between(...this.#config.downMs) + 1, () => {
      if (this.#stopped || !this.#cluster.ids.includes(id)) return;
      const disk = this.#cluster.disk(id);
      // An operator makes room before he starts a node whose disk is full, most of the time.
      if (this.#cluster.process(id).life === null) disk.full = disk.full && this.#random.chance(0.3);
      this.#cluster.boot(id);
      this.#revive(id);
    });
  }

  #strike(random: SeededRandom): void {
    const { faults } = this.#config;
    let at = random.between(
      0,
      KINDS.reduce((sum, kind) => sum + faults[kind], 0),
    );
    const kind = KINDS.find((each) => (at -= faults[each]) < 0);
    if (kind !== undefined) this.#do(kind, this.#victim(random), random);
  }

  /** Leaders are the better victims, and those that wait for their disks. */
  #victim(random: SeededRandom): NodeId {
    const leader = this.#cluster.leader();
    if (leader !== undefined && random.chance(0.4)) return leader;
    const writing = this.#cluster.ids.filter((id) => this.#cluster.disk(id).busy);
    return random.pick(writing.length > 0 && random.chance(0.5) ? writing : this.#cluster.ids);
  }

  #do(kind: keyof FaultWeights, id: NodeId, random: SeededRandom): void {
    const cluster = this.#cluster;
    switch (kind) {
      case "kill":
        return cluster.crash(id, "kill");
      case "powerCut":
        return cluster.crash(id, "power cut");
      case "powerCutAll": {
        const all = random.chance(0.5);
        this.#judge.sometimes("power cut of several");
        for (const each of cluster.ids) if (all || random.chance(0.6)) cluster.crash(each, "power cut");
        return;
      }
      case "close":
        return cluster.close(id);
      case "pause":
        this.#judge.sometimes("pause");
        cluster.note(id, "stands still");
        return cluster.process(id).pause(random.between(1, 600));
      case "partition":
        return this.#partition(random);
      case "heal":
        return healLinks(cluster);
      case "flap":
        return this.#flap(id, random.int(3, 12), random);
      case "stumble":
        return this.#stumble(this.#cluster.leader() ?? id, random);
      case "armDisk":
        cluster.disk(id).armed = { operations: random.int(0, 12), fault: random.pick(DISK_FAULTS) };
        return;
      case "slowDisk":
        return this.#slowDisk(id, random);
      case "fullDisk":
        cluster.disk(id).full = !cluster.disk(id).full;
        return;
      case "misread":
        // It is at the start that a node reads its disk.
        cluster.crash(id, "kill");
        cluster.disk(id).misreads = 1;
        return;
      case "rot":
      case "loseDisk":
        return this.#spoil(kind, id);
      case "clockJump": {
        const byMs = random.pick([50, 1_000, 30_000]);
        this.#judge.sometimes("clock jump");
        cluster.note(id, `its clock jumps by ${byMs} ms`);
        return cluster.jumpClock(id, byMs);
      }
      case "transfer":
        return cluster.transfer(random.pick([null, ...cluster.ids]), random.between(10, 2_000));
      case "lag":
        this.#judge.sometimes("lag");
        return this.#lag(id, random.int(2, 6), random);
      case "throwFromPort":
        return this.#armPort(id, random);
      case "flipState":
        return cluster.flipState(id);
    }
  }

  #partition(random: SeededRandom): void {
    const cluster = this.#cluster;
    if (random.chance(0.5)) healLinks(cluster);
    const { name, links, clog } = partition(cluster.ids, cluster.leader(), random);
    this.#judge.sometimes(`partition: ${name}`);
    cluster.noteWorld(`partition: ${name}`);
    for (const [from, to] of links) {
      if (clog === true) cluster.network.clog(from, to);
      else cluster.network.cut(from, to);
    }
  }

  #armPort(id: NodeId, random: SeededRandom): void {
    const call = random.pick(PORT_CALLS);
    // A line in the log is rare: of many there would be none.
    const after = call === "logger" ? 0 : random.int(0, random.pick([0, 3, 20]));
    this.#cluster.process(id).ports.armed = { call, after };
  }

  /** A disk is damaged or lost for good, as long as the others hold a quorum of each phase: one good copy of everything. */
  #spoil(kind: "rot" | "loseDisk", id: NodeId): void {
    const cluster = this.#cluster;
    if (!cluster.canSpare(id)) return;
    cluster.crash(id, "kill");
    if (kind === "loseDisk") cluster.loseDisk(id);
    else if (cluster.disk(id).rot()) cluster.note(id, "its disk rots");
  }

  /** A node is cut off, heard again, cut off, … faster than an election or slower. */
  #flap(id: NodeId, times: number, random: SeededRandom): void {
    const { network, ids } = this.#cluster;
    const others = ids.filter((other) => other !== id);
    if (times === 0 || this.#stopped) return;
    this.#judge.sometimes("partition: flapping");
    for (const other of others) {
      for (const [from, to] of [[id, other] as const, [other, id] as const]) {
        if (times % 2 === 1) network.cut(from, to);
        else network.open(from, to);
      }
    }
    this.#timeline.after(random.between(5, 150), () => this.#flap(id, times - 1, random), true);
  }

  /** Every turn comes late, by less than an election takes or by more. */
  #lag(id: NodeId, times: number, random: SeededRandom): void {
    if (times === 0 || this.#stopped) return;
    const { electionTimeoutMs } = this.#config.limits;
    const ms = random.between(0.3 * electionTimeoutMs, 3.5 * electionTimeoutMs);
    this.#cluster.process(id).pause(ms);
    this.#timeline.after(ms + random.between(0, 10), () => this.#lag(id, times - 1, random), true);
  }

  #stumble(id: NodeId, random: SeededRandom): void {
    const cluster = this.#cluster;
    const others = cluster.ids.filter((other) => other !== id);
    const muteMs = random.between(1, 10);
    const endMs = muteMs + random.between(2, 15);
    cluster.note(id, "stumbles");
    for (const other of others) cluster.network.cut(id, other);
    this.#timeline.after(
      muteMs,
      () => {
        // What is healed is no longer its to open.
        if (!this.#stopped) for (const other of others) cluster.network.open(id, other);
      },
      true,
    );
    this.#timeline.after(endMs, () => {
      if (!this.#stopped) cluster.crash(id, "kill");
    });
  }

  #slowDisk(id: NodeId, random: SeededRandom): void {
    const disk = this.#cluster.disk(id);
    this.#judge.sometimes("slow disk");
    disk.flushMs = [50, random.pick([200, SLOWEST_MS])];
    const end = (): void => {
      if (!this.#stopped) disk.flushMs = this.#config.disk.flushMs;
    };
    this.#timeline.after(random.between(50, 1_500), end, true);
  }
}

/** All links carry frames again. */
export function healLinks(cluster: Cluster): void {
  cluster.noteWorld("links heal");
  for (const a of cluster.ids) for (const b of cluster.ids) if (a !== b) cluster.network.open(a, b);
}
