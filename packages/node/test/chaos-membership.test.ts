import { SynodError } from "@synod/interface";
import { expect, it } from "vitest";
import type { MembershipChange } from "../src/index.js";
import { seeded, World } from "./world.js";

/** SYNOD_SEEDS=1000 SYNOD_START=1 npx vitest run --project node chaos-membership */
const SEEDS = Number(process.env["SYNOD_SEEDS"] ?? 30);
const START = Number(process.env["SYNOD_START"] ?? 1);
const ALPHA = 8;

/** How often what happened, over all seeds. */
const counts = new Map<string, number>();
const sometimes = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);

interface Play {
  readonly world: World;
  readonly chance: () => number;
  readonly acknowledged: number[];
  readonly refused: Set<number>;
  readonly failures: unknown[];
  nextId: number;
  attempted: number;
  open: number;
  changing: boolean;
}

const running = ({ world }: Play): number[] =>
  [...world.nodes.keys()].filter((id) => world.node(id).status().state === "running");

function propose(play: Play, id: number): void {
  const add = ++play.attempted;
  play.open++;
  play.world
    .node(id)
    .propose({ add })
    .then(
      () => play.acknowledged.push(add),
      (error: unknown) => {
        if (!(error instanceof SynodError)) play.failures.push(error);
        else if (error.code === "NotProposed") play.refused.add(add);
      },
    )
    .finally(() => play.open--)
    .catch(() => undefined);
}

function read(play: Play, id: number): void {
  const known = [...play.acknowledged];
  play.open++;
  play.world
    .node(id)
    .read("total")
    .then(
      () => {
        const applied = new Set(play.world.machine(id).applied);
        const missed = known.filter((add) => !applied.has(add));
        if (missed.length > 0) play.failures.push(new Error(`a read at node ${id} missed ${missed.join(", ")}`));
      },
      () => undefined,
    )
    .finally(() => play.open--)
    .catch(() => undefined);
}

/** Draws a change; a new node starts with it. */
async function draw(play: Play, at: number): Promise<MembershipChange | null> {
  const { world, chance } = play;
  const { members } = world.node(at).status().configuration;
  const voters = members.filter(({ role }) => role === undefined).map(({ id }) => id);
  const any = voters[Math.floor(chance() * voters.length)] ?? at;
  const dice = chance();
  if (dice < 0.35) {
    if (voters.length < 3) return null;
    return { kind: "remove", id: chance() < 0.4 ? (world.node(at).status().leader ?? any) : any };
  }
  if (voters.length > 5 && dice < 0.7) return null;
  const id = play.nextId++;
  await world.join(id);
  return dice < 0.7 ? { kind: "add", member: { id } } : { kind: "replace", id: any, with: { id } };
}

/** Asks a node for a change. When it has settled the disks of those that it removed are thrown away at once. */
async function change(play: Play, at: number): Promise<void> {
  const { world } = play;
  if (play.changing) return;
  const asked = await draw(play, at);
  if (asked === null || world.nodes.get(at)?.status().state !== "running") return;
  play.changing = true;
  play.open++;
  world
    .node(at)
    .changeMembership(asked, { timeoutMs: 8_000 })
    .then(
      async (made) => {
        sometimes(`${asked.kind} complete`);
        const ids = made.members.map(({ id }) => id);
        const out = asked.kind === "remove" || asked.kind === "replace" ? asked.id : 0;
        if (out === 0 || ids.includes(out)) return;
        await world.nodes.get(out)?.close();
        world.nodes.delete(out);
        world.disks.delete(out);
        sometimes("disk thrown away");
      },
      (error: unknown) => {
        if (!(error instanceof SynodError)) play.failures.push(error);
        else sometimes(`refused: ${error.code}`);
      },
    )
    .finally(() => {
      play.open--;
      play.changing = false;
    })
    .catch((error: unknown) => play.failures.push(error));
}

async function step(play: Play): Promise<void> {
  const { world, chance } = play;
  const up = running(play);
  const down = [...world.disks.keys()].filter((id) => !world.nodes.has(id));
  const id = up[Math.floor(chance() * up.length)];
  const dice = chance();
  const back = down[Math.floor(chance() * down.length)];
  if (back !== undefined && (id === undefined || dice < 0.12)) await world.boot(back).catch(() => undefined);
  else if (id === undefined) return;
  else if (dice < 0.5) for (let i = Math.floor(chance() * 4); i >= 0; i--) propose(play, id);
  else if (dice < 0.65) read(play, id);
  else if (dice < 0.72) await world.crash(id).catch(() => undefined);
  else if (dice < 0.85) await change(play, id);
  else if (dice < 0.9) world.net.isolate(id);
  else world.net.heal();
}

async function run(seed: number): Promise<void> {
  const random = seeded(seed);
  const chance = (): number => random.uint32() / 2 ** 32;
  const size = 1 + Math.floor(chance() * 4);
  const world = await World.of(size, seed, { proposeTimeoutMs: 3_000, readTimeoutMs: 3_000 }, { alpha: ALPHA });
  world.net.chance = chance;
  world.net.jitterMs = [0, 2, 30][Math.floor(chance() * 3)] ?? 0;
  world.net.loss = [0, 0.02, 0.1][Math.floor(chance() * 3)] ?? 0;
  const play: Play = {
    world,
    chance,
    acknowledged: [],
    refused: new Set(),
    failures: [],
    nextId: size + 1,
    attempted: 0,
    open: 0,
    changing: false,
  };
  for (let i = 0; i < 120; i++) {
    await step(play);
    await world.clock.run(chance() * 120);
  }
  world.net.heal();
  world.net.loss = 0;
  for (const id of world.disks.keys()) if (!world.nodes.has(id)) await world.boot(id);
  await world.clock.until(() => play.open === 0, 60_000);
  propose(play, await world.leader());
  await world.clock.until(() => play.open === 0, 60_000);
  const status = (id: number) => world.nodes.get(id)?.status();
  /** A leader that stays one, of members that all know what it knows. */
  const settled = (): number | undefined =>
    running(play).find((id) => {
      const own = world.node(id).status();
      return (
        own.role === "leader" &&
        own.membership.change === null &&
        own.configuration.members.every(
          (member) => status(member.id)?.applied === own.applied && status(member.id)?.membership.change === null,
        )
      );
    });
  await world.clock.until(() => settled() !== undefined, 60_000);
  const leader = settled() ?? 0;
  const members = world
    .node(leader)
    .status()
    .configuration.members.map(({ id }) => id);

  expect(play.failures).toEqual([]);
  const log = world.machine(leader).applied;
  for (const id of members) {
    expect(world.machine(id).applied, `node ${id}`).toEqual(log);
    expect(status(id)?.configuration, `node ${id}`).toEqual(status(leader)?.configuration);
    expect(status(id)?.failure).toBeNull();
  }
  expect(new Set(log).size, "executed twice").toBe(log.length);
  for (const add of play.acknowledged) expect(log, "lost").toContain(add);
  for (const add of play.refused) expect(log, "refused and yet executed").not.toContain(add);
  await world.close();
}

it(`members come and go, disks are thrown away, and nothing is lost: ${SEEDS} seeds from ${START}`, {
  timeout: 600_000,
}, async () => {
  for (let seed = START; seed < START + SEEDS; seed++) {
    await run(seed).catch((cause: unknown) => {
      throw new Error(`seed ${seed}`, { cause });
    });
  }
  for (const what of ["add complete", "remove complete", "replace complete", "disk thrown away"]) {
    expect(counts.get(what) ?? 0, what).toBeGreaterThan(SEEDS / 10);
  }
  if (process.env["SYNOD_COUNTS"] !== undefined) console.log(counts);
});
