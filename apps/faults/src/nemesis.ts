import { setTimeout as delay } from "node:timers/promises";
import type { Cluster } from "./cluster.js";
import type { Rule } from "./proxy.js";
import type { Seeded } from "./random.js";
import type { Replica } from "./replica.js";
import { strangers } from "./strangers.js";

const HOLE: Rule = { kind: "hole", delayMs: 0 };
const REFUSE: Rule = { kind: "refuse", delayMs: 0 };

interface Scene {
  readonly cluster: Cluster;
  readonly random: Seeded;
  /** How long the fault lasts. */
  readonly lastMs: number;
  /** Not to be ended or paused now, so that what it holds can be watched growing. */
  readonly spared: Replica | null;
}

/** Begins a fault. @returns what it hit; `heal` where more than healing the network and starting what is down is to be done */
type Fault = (scene: Scene) => Promise<{ readonly what: string; readonly heal?: () => Promise<void> }>;

const names = (replicas: readonly Replica[]): string => replicas.map(({ id }) => id).join(", ");

const anyOf = ({ cluster, random, spared }: Scene): Replica =>
  random.pick(cluster.replicas.filter((replica) => replica !== spared));

async function leaderOf(scene: Scene, isEnded = false): Promise<Replica> {
  const leader = await scene.cluster.leader();
  return leader === null || (isEnded && leader === scene.spared) ? anyOf(scene) : leader;
}

async function killed({ spared }: Scene, replicas: readonly Replica[]): Promise<{ what: string }> {
  const ended = replicas.filter((replica) => replica !== spared);
  await Promise.all(ended.map((replica) => replica.end("SIGKILL")));
  return { what: names(ended) };
}

function paused({ spared }: Scene, replicas: readonly Replica[]): { what: string } {
  const stopped = replicas.filter((replica) => replica !== spared);
  for (const replica of stopped) replica.pause();
  return { what: names(stopped) };
}

function cutOff({ cluster }: Scene, replicas: readonly Replica[], rule: Rule): { what: string } {
  for (const a of replicas) {
    for (const b of cluster.replicas) if (!replicas.includes(b)) cluster.both(a, b, rule);
  }
  return { what: names(replicas) };
}

async function spoiled(scene: Scene, lost: number, garbage: number): ReturnType<Fault> {
  const replica = anyOf(scene);
  await replica.end("SIGKILL");
  replica.spoilLog(
    lost,
    Uint8Array.from({ length: garbage }, () => 1 + scene.random.below(255)),
  );
  replica.start();
  // The others have what it lost. Another disk must not lose it before it is fetched.
  return { what: String(replica.id), heal: () => caughtUp(scene, replica) };
}

async function lostDisk({ cluster }: Scene, replica: Replica): Promise<{ what: string }> {
  await replica.end("SIGKILL");
  replica.wipe();
  const old = replica.id;
  await cluster.rejoin(replica);
  return { what: `${old}, now ${replica.id}` };
}

async function caughtUp(scene: Scene, replica: Replica): Promise<void> {
  const { cluster } = scene;
  const goal = async (): Promise<number> => (await (await cluster.leader())?.status())?.chosenUpTo ?? Infinity;
  const end = performance.now() + 90_000;
  let upTo = await goal();
  while (((await replica.status())?.applied ?? -1) < upTo) {
    // It has seen that what it had is gone, and says so: as good as a lost disk.
    if (replica.refusedItsStore()) return void (await lostDisk(scene, replica));
    if (performance.now() > end) throw new Error(`node ${replica.id} does not catch up`);
    if (upTo === Infinity) upTo = await goal();
    await delay(50);
  }
}

export const FAULTS: Readonly<Record<string, Fault>> = {
  "kill one": (scene) => killed(scene, [anyOf(scene)]),
  "kill leader": async (scene) => killed(scene, [await leaderOf(scene, true)]),
  "kill majority": (scene) =>
    killed(scene, scene.random.shuffle(scene.cluster.replicas).slice(0, scene.cluster.majority)),
  "kill all": (scene) => killed(scene, scene.cluster.replicas),
  "restart in order": async (scene) => {
    const replica = await leaderOf(scene, true);
    await replica.end("SIGTERM");
    return { what: String(replica.id) };
  },
  "pause one": async (scene) => paused(scene, [anyOf(scene)]),
  "pause leader": async (scene) => paused(scene, [await leaderOf(scene, true)]),
  "pause majority": async (scene) =>
    paused(scene, scene.random.shuffle(scene.cluster.replicas).slice(0, scene.cluster.majority)),
  "isolate one": async (scene) => cutOff(scene, [scene.random.pick(scene.cluster.replicas)], HOLE),
  "isolate leader": async (scene) => cutOff(scene, [await leaderOf(scene)], HOLE),
  "break leader's links": async (scene) => cutOff(scene, [await leaderOf(scene)], REFUSE),
  "one link": async (scene) => {
    const { cluster, random } = scene;
    const leader = await leaderOf(scene);
    const other = random.pick(cluster.others(leader));
    cluster.both(leader, other, HOLE);
    return { what: `${leader.id}-${other.id}` };
  },
  "one way": async ({ cluster, random }) => {
    const from = random.pick(cluster.replicas);
    const to = random.pick(cluster.others(from));
    cluster.link(from, to, HOLE);
    return { what: `${from.id} to ${to.id}` };
  },
  "deaf leader": async (scene) => {
    const leader = await leaderOf(scene);
    for (const other of scene.cluster.others(leader)) scene.cluster.link(other, leader, HOLE);
    return { what: String(leader.id) };
  },
  "mute leader": async (scene) => {
    const leader = await leaderOf(scene);
    for (const other of scene.cluster.others(leader)) scene.cluster.link(leader, other, HOLE);
    return { what: String(leader.id) };
  },
  "only one hub": async (scene) => {
    const { cluster, random } = scene;
    const hub = random.pick(cluster.others(await leaderOf(scene)));
    const rest = cluster.others(hub);
    for (const a of rest) for (const b of rest) if (a.id < b.id) cluster.both(a, b, HOLE);
    return { what: String(hub.id) };
  },
  flapping: async (scene) => {
    const leader = await leaderOf(scene);
    const end = performance.now() + scene.lastMs;
    while (performance.now() < end) {
      cutOff(scene, [leader], HOLE);
      await delay(scene.random.between(100, 400));
      scene.cluster.healLinks();
      await delay(scene.random.between(100, 400));
    }
    return { what: String(leader.id) };
  },
  "slow links": async ({ cluster, random }) => {
    for (const a of cluster.replicas) {
      for (const b of cluster.others(a)) cluster.link(a, b, { kind: "open", delayMs: random.between(10, 80) });
    }
    return { what: "all" };
  },
  "reset links": async ({ cluster, random, lastMs }) => {
    for (const end = performance.now() + lastMs; performance.now() < end; await delay(random.between(50, 300)))
      cluster.resetPeers();
    return { what: "all" };
  },
  "reset clients": async ({ cluster, random, lastMs }) => {
    for (const end = performance.now() + lastMs; performance.now() < end; await delay(random.between(50, 300)))
      cluster.resetClients();
    return { what: "all" };
  },
  strangers: async ({ cluster, random }) => {
    const ports = cluster.replicas.flatMap(({ options }) => Object.values(options.ports));
    const end = strangers(ports, 150, random);
    return { what: "150 sockets", heal: async () => end() };
  },
  "hide a server": async ({ cluster, random }) => {
    const replica = random.pick(cluster.replicas);
    cluster.clientsOf(replica, random.chance(0.5) ? HOLE : REFUSE);
    return { what: String(replica.id) };
  },
  "torn log": (scene) => spoiled(scene, 0, 1 + scene.random.below(60)),
  "cut log": (scene) => spoiled(scene, 1 + scene.random.below(40), 0),
  "lose a disk": (scene) => lostDisk(scene, anyOf(scene)),
};
