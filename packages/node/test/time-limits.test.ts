// What the caller of one call says of its end.
import { SynodError } from "@synod/interface";
import { describe, expect, it } from "vitest";
import type { VirtualClock } from "./world.js";
import { World } from "./world.js";

/** How a call ended, and after how long. */
async function end(clock: VirtualClock, call: Promise<unknown>): Promise<{ error: SynodError; tookMs: number }> {
  const fromMs = clock.now();
  const error = await call.then(
    () => null,
    (cause: unknown) => cause,
  );
  if (!(error instanceof SynodError)) throw new Error(`it ended with ${String(error)}`);
  return { error, tookMs: clock.now() - fromMs };
}

/** Counts timers, of which none may stay behind. */
class Counted {
  open = 0;
  made = 0;

  of(clock: VirtualClock): VirtualClock {
    return Object.assign(Object.create(clock) as VirtualClock, {
      now: () => clock.now(),
      soon: (callback: () => void) => clock.soon(callback),
      timer: (delayMs: number, callback: () => void) => {
        this.made++;
        this.open++;
        let over = false;
        const ended = (): void => {
          if (!over) this.open--;
          over = true;
        };
        const cancel = clock.timer(delayMs, () => {
          ended();
          callback();
        });
        return () => {
          ended();
          cancel();
        };
      },
    });
  }
}

describe("a time limit of one call", () => {
  it("ends it in time, whatever the limits of the node say, and tells what is missing", async () => {
    const world = await World.of(3, 5);
    const leader = await world.leader();
    const node = world.node(leader);
    await world.settle(node.propose({ add: 1 }));
    const session = await world.settle(node.openSession());
    world.net.isolate(leader);
    const sight = { leader: expect.anything() as unknown, members: 3 };
    const calls: [string, () => Promise<unknown>, RegExp][] = [
      ["OutcomeUnknown", () => node.propose({ add: 1 }, { timeoutMs: 7 }), /no answer within the time limit .* heard/],
      ["NoLeader", () => node.read("total", { timeoutMs: 7 }), /no leader confirmed the read within the time limit/],
      ["NoLeader", () => node.read("total", { via: "quorum", timeoutMs: 7 }), /within the time limit/],
      ["TooStale", () => node.readStale("total", { atLeast: 1e6, timeoutMs: 7 }), /not met within the time limit/],
      ["OutcomeUnknown", () => node.openSession({ timeoutMs: 7 }), /no answer within the time limit/],
      ["OutcomeUnknown", () => node.closeSession(session.id, { timeoutMs: 7 }), /no answer within the time limit/],
      ["OutcomeUnknown", () => session.close({ timeoutMs: 7 }), /no answer within the time limit/],
    ];
    for (const [code, call, text] of calls) {
      const { error, tookMs } = await world.settle(end(world.clock, call()));
      expect(error).toMatchObject({ code, message: expect.stringMatching(text) as string, details: sight });
      expect(tookMs).toBe(7);
    }
    await world.close();
  });

  it("may be longer than that of the node, or none, and keeps no other call from its end", async () => {
    const world = await World.of(3, 5, { proposeTimeoutMs: 100, readTimeoutMs: 100 });
    const leader = await world.leader();
    const node = world.node(leader);
    await world.settle(node.propose({ add: 1 }));
    for (const id of world.ids) world.net.isolate(id);
    const ended: string[] = [];
    const note = (name: string, call: Promise<unknown>): Promise<unknown> =>
      call.then(
        () => ended.push(`${name} answered`),
        ({ code }: SynodError) => ended.push(`${name} ${code}`),
      );
    const all = [
      note("long", node.propose({ add: 1 }, { timeoutMs: 5_000 })),
      note("endless read", node.read("total", { timeoutMs: Infinity })),
      note("endless", node.propose({ add: 1 }, { timeoutMs: Infinity })),
      note("short", node.propose({ add: 1 }, { timeoutMs: 30 })),
      note("read", node.read("total")),
      note("usual", node.propose({ add: 1 })),
    ];
    await world.clock.run(400);
    expect(ended[0]).toBe("short OutcomeUnknown");
    expect(ended.sort()).toEqual(["read NoLeader", "short OutcomeUnknown", "usual OutcomeUnknown"]);
    world.net.heal();
    await world.settle(Promise.all(all));
    expect(ended.slice(3).sort()).toEqual(["endless answered", "endless read answered", "long answered"]);
    await world.close();
  });

  it("takes a timer only where one is given, which goes with the call", async () => {
    const timers = new Counted();
    const world = new World(1);
    await world.boot(1, true, { clock: timers.of(world.clock) });
    const node = world.node(1);
    await world.settle(node.propose({ add: 1 }));
    const calls = (options: object): Promise<unknown>[] => [
      node.propose({ add: 1 }, options),
      node.read("total", options),
      node.readStale("total", { maxAgeMs: 0, ...options }),
    ];
    let made = timers.made;
    let all = [calls({}), calls({ timeoutMs: Infinity }), calls({ signal: new AbortController().signal })].flat();
    expect(timers.made).toBe(made);
    await world.settle(Promise.all(all));
    made = timers.made;
    const { open } = timers;
    all = calls({ timeoutMs: 3_600_000 });
    expect(timers.made).toBe(made + all.length);
    await world.settle(Promise.all(all));
    expect(timers.open).toBe(open);
    await world.close();
    expect(timers.open).toBe(0);
  });

  it.each([0, -1, Number.NaN, "5s", null])("is a positive number: %s is refused", async (given) => {
    const world = await World.of(1);
    const node = world.node(1);
    await world.settle(node.propose({ add: 1 }));
    const options = { timeoutMs: given as number };
    const session = await world.settle(node.openSession());
    const calls: (() => Promise<unknown>)[] = [
      () => node.propose({ add: 1 }, options),
      () => node.read("total", options),
      () => node.readStale("total", options),
      () => node.openSession(options),
      () => node.closeSession(session.id, options),
      () => node.snapshot(options),
      () => node.transferLeadership(options),
    ];
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({
        code: "InvalidArgument",
        message: expect.stringMatching(/^timeoutMs must be a positive number, not /) as string,
      });
    }
    await world.close();
  });
});

describe("what a node does not stop once it has begun", () => {
  it("goes on when nobody waits for a hand-over any more", async () => {
    const world = await World.of(3);
    const leader = await world.leader();
    const to = world.ids.find((id) => id !== leader) ?? 0;
    const node = world.node(leader);
    await world.settle(node.propose({ add: 1 }));
    const early = AbortSignal.abort("no");
    await expect(node.transferLeadership({ to, signal: early })).rejects.toMatchObject({ code: "NotProposed" });
    expect(node.status().role).toBe("leader");
    const controller = new AbortController();
    const handing = node.transferLeadership({ to, signal: controller.signal });
    controller.abort("changed my mind");
    await expect(handing).rejects.toMatchObject({ code: "OutcomeUnknown", cause: "changed my mind" });
    await world.clock.until(() => world.node(to).status().role === "leader");
    await world.close();
  });

  it("goes on when nobody waits for a snapshot any more", async () => {
    const world = await World.of(1);
    const node = world.node(1);
    await world.settle(node.propose({ add: 1 }));
    const early = AbortSignal.abort("no");
    await expect(node.snapshot({ signal: early })).rejects.toMatchObject({ code: "NotProposed" });
    const controller = new AbortController();
    const taking = node.snapshot({ signal: controller.signal });
    controller.abort("changed my mind");
    await expect(taking).rejects.toMatchObject({ code: "OutcomeUnknown", cause: "changed my mind" });
    await world.clock.until(() => node.status().snapshot.index > 0);
    await world.settle(node.propose({ add: 1 }));
    const { error } = await world.settle(end(world.clock, node.snapshot({ timeoutMs: 0.5 })));
    expect(error).toMatchObject({ code: "OutcomeUnknown", message: expect.stringMatching(/within the time limit/) });
    await world.close();
  });
});
