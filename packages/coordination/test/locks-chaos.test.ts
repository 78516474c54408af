import fc from "fast-check";
import { expect, test } from "vitest";
import { type FencedResource, fencedResource, type Lock } from "../src/index.js";
import { type Fate, quiet, type VirtualClock, World } from "./world.js";

const STEP_MS = 10;
const TTL_MS = 400;

interface Actor {
  readonly clock: VirtualClock;
  readonly client: ReturnType<World["process"]>["client"];
  /** Its clock runs so much faster or slower. */
  readonly rate: number;
  /** Stands still until then. */
  pausedUntilMs: number;
  lock: Lock | null;
  /** Waits for its turn. */
  asking: boolean;
  held: number;
}

interface Plan {
  readonly rates: readonly number[];
  readonly pauses: readonly { readonly who: number; readonly atMs: number; readonly forMs: number }[];
  readonly fates: readonly Fate[];
  /** A new leader: logged time stands still for so long. */
  readonly failovers: readonly { readonly atMs: number; readonly forMs: number }[];
}

const plans: fc.Arbitrary<Plan> = fc.record({
  rates: fc.array(fc.double({ min: 0.96, max: 1.04, noNaN: true }), { minLength: 3, maxLength: 3 }),
  pauses: fc.array(fc.record({ who: fc.nat(2), atMs: fc.nat(3000), forMs: fc.integer({ min: 10, max: 1500 }) }), {
    maxLength: 8,
  }),
  fates: fc.array(
    fc.constantFrom<Fate>(
      "answered",
      "answered",
      "answered",
      "answered",
      "answerLost",
      "late",
      "lost",
      "hangs",
      "notProposed",
    ),
    { minLength: 1, maxLength: 60 },
  ),
  failovers: fc.array(fc.record({ atMs: fc.nat(3000), forMs: fc.integer({ min: 10, max: 500 }) }), { maxLength: 3 }),
});

/** Takes the lock, works for a while, releases it, and asks again. */
function act(actor: Actor, resource: FencedResource): void {
  const { lock } = actor;
  if (lock !== null) {
    if (!lock.held) actor.lock = null;
    else {
      actor.held++;
      // It holds the lock, so that nobody newer can have been here: this must not be refused.
      resource.admit(lock.fencingToken);
    }
    if (actor.held % 15 === 14) {
      actor.held++;
      actor.lock = null;
      void lock.release();
    }
  } else if (!actor.asking) {
    actor.asking = true;
    actor.client.locks.acquire("x", { ttlMs: TTL_MS, waitMs: 2_000 }).then(
      (got) => {
        actor.asking = false;
        actor.lock = got;
      },
      () => {
        actor.asking = false;
      },
    );
  }
}

async function play({ rates, pauses, fates, failovers }: Plan): Promise<number> {
  const world = new World();
  let calls = 0;
  world.fate = () => fates[calls++ % fates.length] ?? "answered";
  const actors = rates.map(
    (rate): Actor => ({ ...world.process(), rate, pausedUntilMs: 0, lock: null, asking: false, held: 0 }),
  );
  const resource = fencedResource();
  let grants = 0;
  for (let nowMs = STEP_MS; nowMs <= 4_000; nowMs += STEP_MS) {
    const stands = failovers.some(({ atMs, forMs }) => nowMs > atMs && nowMs <= atMs + forMs);
    world.pass(stands ? 0 : STEP_MS);
    if (nowMs % 130 === 0) world.deliver();
    for (const { who, atMs, forMs } of pauses) {
      const actor = actors[who];
      if (actor !== undefined && nowMs - atMs >= 0 && nowMs - atMs < STEP_MS) actor.pausedUntilMs = nowMs + forMs;
    }
    const awake = actors.filter(({ pausedUntilMs }) => pausedUntilMs <= nowMs);
    for (const actor of awake) {
      // Its clock went on while it stood still; its timers did not run yet.
      actor.clock.nowMs = nowMs * actor.rate;
      const before = actor.lock;
      if (actor.lock?.held === true) resource.admit(actor.lock.fencingToken);
      await actor.clock.fire();
      act(actor, resource);
      if (actor.lock !== null && actor.lock !== before) grants++;
    }
    await quiet();
    const holding = awake.filter(({ lock }) => lock?.held === true);
    expect(holding.length, `holders at ${nowMs} ms`).toBeLessThan(2);
  }
  world.fate = () => "answered";
  let closed = false;
  const closing = Promise.all(actors.map(({ client }) => client.close())).then(() => {
    closed = true;
  });
  // Its limit is 10 s.
  for (let nowMs = 4_000; nowMs < 15_000 && !closed; nowMs += 500) {
    for (const { clock, rate } of actors) {
      clock.nowMs = nowMs * rate;
      await clock.fire();
    }
  }
  expect(closed).toBe(true);
  await closing;
  // What was late comes to nothing, and all that is left runs out.
  world.deliver();
  world.pass(700_000);
  const [actor] = actors;
  expect(world.machine.query({ kind: "status" })).toMatchObject({ requests: 0, leases: 0, locks: 0 });
  expect(actor?.clock.timers).toBe(0);
  return grants;
}

test("never two believe that they hold a lock, through pauses, clocks of other rates, lost answers and new leaders", {
  timeout: 60_000,
}, async () => {
  let grants = 0;
  let plays = 0;
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      grants += await play(plan);
      plays++;
    }),
    { numRuns: Number(process.env["SYNOD_RUNS"] ?? 12) },
  );
  expect(grants).toBeGreaterThan(plays * 2);
});
