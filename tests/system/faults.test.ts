import { checkLinearizability, type Operation } from "@synod/linearizability";
import type { Message } from "@synod/multipaxos";
import type { Session } from "@synod/node";
import { expect, test } from "vitest";
import { type Command, type Query, type Result, textModel } from "./key-value.js";
import { ELECTION_TIMEOUT_MS, World } from "./world.js";

const elections = (world: World): number =>
  Math.max(...[...world.nodes.values()].map((node) => node.status().promised?.round ?? 0));

test("SYS-09: messages per command of a stable leader of five", async () => {
  const world = await World.of(5);
  const leader = await world.leader();
  await world.settle(world.put(leader, "key", "first"));
  await world.clock.run(1_000);
  const rounds = elections(world);
  const before = new Map(world.delivered);
  const commands = 500;
  for (let i = 0; i < commands; i++) await world.settle(world.append(leader, "key", "."));
  await world.clock.run(5);
  const count = (kind: Message["kind"]): number => (world.delivered.get(kind) ?? 0) - (before.get(kind) ?? 0);
  const total = [...world.delivered.keys()].reduce((sum, kind) => sum + count(kind), 0);
  const beats = count("beat") + count("beatReply");
  expect(elections(world)).toBe(rounds);
  expect(total / commands).toBeLessThanOrEqual(5 * 15);
  // One accept and one accepted for each follower: 2(N-1). The next accept carries the news of what is chosen, also between the commands
  // of a single client; a commit of its own follows the last one.
  expect([count("accept"), count("accepted"), count("commit")]).toEqual([commands * 4, commands * 4, 4]);
  expect(total - beats).toBe(commands * 8 + 4);
  // A beat and its answer for each pair, eight times per election timeout, however much goes on.
  const rounded = (commands * 3) / (ELECTION_TIMEOUT_MS / 8);
  expect(beats).toBeLessThanOrEqual(2 * 5 * 4 * (rounded + 2));
  await world.close();
});

test("SYS-09: a busy leader needs 2(N-1) messages per slot, and one commit at the end", async () => {
  const world = await World.of(5);
  const leader = await world.leader();
  await world.settle(world.put(leader, "key", "first"));
  await world.clock.run(1_000);
  const before = new Map(world.delivered);
  const slot = world.node(leader).status().chosenUpTo;
  const done: Promise<Result>[] = [];
  for (let i = 0; i < 200; i++) {
    done.push(world.append(leader, "key", "."));
    await world.clock.run(1);
  }
  await world.settle(Promise.all(done));
  await world.clock.run(5);
  const slots = world.node(leader).status().chosenUpTo - slot;
  const count = (kind: Message["kind"]): number => (world.delivered.get(kind) ?? 0) - (before.get(kind) ?? 0);
  expect([count("accept") / slots, count("accepted") / slots]).toEqual([4, 4]);
  expect(count("commit") / slots).toBeLessThanOrEqual(1);
  await world.close();
});

test("SYS-31: quorum-loss star: the hub leads within four election timeouts and commits", async () => {
  for (const seed of [1, 2, 3, 4]) {
    const world = await World.of(5, { seed });
    await world.lead(3);
    await world.settle(world.put(3, "key", "before"));
    world.links([1, 2], [1, 3], [1, 4], [1, 5]);
    const cutMs = world.clock.now();
    await world.clock.until(() => world.leads === 1, 4 * ELECTION_TIMEOUT_MS);
    expect(world.clock.now() - cutMs).toBeLessThanOrEqual(4 * ELECTION_TIMEOUT_MS);
    expect(await world.settle(world.append(1, "key", ", after"))).toBe("before, after");
    await world.clock.until(() => world.ids.every((id) => world.machine(id).values.get("key") === "before, after"));
    await world.close();
  }
});

test("SYS-34: a follower that missed one accept notices it by itself, without an election", async () => {
  const world = await World.of(3);
  const leader = await world.leader();
  const [follower = 0] = world.ids.filter((id) => id !== leader);
  const rounds = elections(world);
  // The first command opens the session of the node, which takes a slot too.
  await world.settle(world.put(leader, "key", ""));
  await world.clock.until(() => world.machine(follower).executed.length === 1);
  let lost = 0;
  world.loses = (_from, to, { kind }) => {
    if (to !== follower || kind !== "accept" || lost > 0) return false;
    lost++;
    return true;
  };
  await world.settle(world.append(leader, "key", "1"));
  const sinceMs = world.clock.now();
  expect(lost).toBe(1);
  expect(world.machine(follower).executed.length).toBe(1);
  // Nothing else is proposed.
  await world.clock.until(() => world.machine(follower).values.get("key") === "1");
  expect(world.clock.now() - sinceMs).toBeLessThan(ELECTION_TIMEOUT_MS);
  lost = 0;
  await world.settle(world.append(leader, "key", "2"));
  expect(lost).toBe(1);
  // The next one arrives, and cannot be executed before the one that was lost.
  await world.settle(world.append(leader, "key", "3"));
  await world.clock.until(() => world.machine(follower).values.get("key") === "123");
  expect(world.clock.now() - sinceMs).toBeLessThan(2 * ELECTION_TIMEOUT_MS);
  expect([elections(world), world.leads]).toEqual([rounds, leader]);
  await world.close();
});

const flexible = { quorum: { kind: "sizes", phase1: 4, phase2: 2 } } as const;

test("SYS-37: with phase-2 quorums of two, commits go on with three followers stopped", async () => {
  const world = await World.of(5, flexible);
  const leader = await world.leader();
  const followers = world.ids.filter((id) => id !== leader);
  await world.stop(...followers.slice(1));
  for (let i = 0; i < 10; i++) await world.settle(world.append(leader, "key", `${i}`));
  await world.clock.run(4 * ELECTION_TIMEOUT_MS);
  expect(await world.settle(world.append(leader, "key", "!"))).toBe("0123456789!");
  expect(world.leads).toBe(leader);
  for (const id of followers.slice(1)) await world.boot(id);
  await world.clock.until(() => world.ids.every((id) => world.machine(id).values.get("key") === "0123456789!"));
  await world.close();
});

test("SYS-37: with phase-1 quorums of four, the leader and one more stopped block until four are up", async () => {
  const world = await World.of(5, flexible);
  const leader = await world.leader();
  await world.settle(world.put(leader, "key", "a"));
  await world.clock.until(() => world.ids.every((id) => world.machine(id).values.get("key") === "a"));
  const rounds = elections(world);
  const [other = 0, asked = 0, ...rest] = world.ids.filter((id) => id !== leader);
  await world.stop(leader, other);
  const waiting = world.append(asked, "key", "b");
  await world.clock.run(8_000);
  expect([asked, ...rest].map((id) => world.machine(id).values.get("key"))).toEqual(["a", "a", "a"]);
  // Nobody even tries: a ballot that grew here would depose a good leader later.
  expect([world.leads, elections(world)]).toEqual([null, rounds]);
  await world.boot(other);
  expect(await world.settle(waiting)).toBe("ab");
  await world.boot(leader);
  await world.clock.until(() => world.ids.every((id) => world.machine(id).values.get("key") === "ab"));
  await world.close();
});

test("SYS-45: a slow but live leader is replaced, its accepts are refused, and there is one history", async () => {
  const world = await World.of(3, { limits: { proposeTimeoutMs: 60_000 } });
  const slow = await world.leader();
  await world.settle(world.put(slow, "key", "a"));
  const slowMs = 2 * ELECTION_TIMEOUT_MS;
  const rejected: [number, number][] = [];
  world.slowsMs = (from, to) => (from === slow || to === slow ? slowMs : 0);
  world.loses = (from, to, { kind }) => {
    if (kind === "reject") rejected.push([from, to]);
    return false;
  };
  const old = world.append(slow, "key", "b");
  await world.clock.until(() => world.leads !== null && world.leads !== slow);
  const leader = world.leads ?? 0;
  expect(world.node(slow).status().role).toBe("leader");
  const late = world.append(slow, "key", "c");
  expect(await world.settle(world.append(leader, "key", "d"))).toBe("ad");
  await world.clock.run(2 * slowMs);
  expect(rejected.filter(([, to]) => to === slow).length).toBeGreaterThan(0);
  expect([world.node(slow).status().role, world.leads]).toEqual(["follower", leader]);
  world.slowsMs = () => 0;
  await world.settle(Promise.all([old, late]));
  await world.clock.until(() => world.ids.every((id) => world.machine(id).executed.length === 4));
  const [history, ...others] = world.ids.map((id) => world.machine(id).executed);
  for (const other of others) expect(other).toEqual(history);
  await world.close();
});

interface Client {
  readonly name: string;
  readonly history: Operation<Command | Query, Result>[];
}

test("SYS-13: random majorities keep the clients for 30 s: no wrong answer, and no wait of two seconds", async () => {
  const world = await World.of(5, { seed: 13 });
  world.net.delayMs = 2;
  let reachable = [...world.ids];
  let over = false;
  const pick = (n: number): number => world.random.uint32() % n;
  const pause = (ms: number): Promise<void> => new Promise((resolve) => world.clock.timer(ms, resolve));

  /** One request, tried at one reachable node after the other under one ticket until it is answered. */
  async function ask(input: Command | Query, session: Session): Promise<Result> {
    const ticket = session.ticket();
    for (let at = pick(5); ; at++) {
      const node = world.node(reachable[at % reachable.length] ?? 0);
      const patience = new AbortController();
      const cancel = world.clock.timer(300, () => patience.abort());
      const { signal } = patience;
      try {
        const answer =
          input.type === "get" ? node.read(input, { signal }) : node.propose(input, { signal, session: ticket });
        const result = await answer;
        session.done(ticket);
        return result;
      } catch {
        await pause(10);
      } finally {
        cancel();
      }
    }
  }

  async function client({ name, history }: Client): Promise<void> {
    const session = await world.node(1).openSession();
    for (let i = 0; !over; i++) {
      const key = `k${pick(3)}`;
      const value = `${name}${i},`;
      const kind = pick(3);
      const input: Command | Query =
        kind === 0 ? { type: "get", key } : kind === 1 ? { type: "put", key, value } : { type: "append", key, value };
      const call = world.clock.now();
      const output = await ask(input, session);
      history.push({ client: name, call, return: world.clock.now(), input, output });
      await pause(10);
    }
  }
  const clients = Array.from({ length: 5 }, (_, index): Client => ({ name: `c${index}`, history: [] }));
  const running = Promise.all(clients.map(client));
  const majority = (): number[] => {
    const order = world.ids.map((id) => [world.random.uint32(), id] as const).sort(([a], [b]) => a - b);
    return order.slice(0, 3).map(([, id]) => id);
  };
  for (let ms = 0; ms < 30_000; ms += 6_000) {
    for (let phase = 0; phase < 2; phase++) {
      reachable = majority();
      world.split(
        reachable,
        world.ids.filter((id) => !reachable.includes(id)),
      );
      await world.clock.run(2_000);
    }
    reachable = [...world.ids];
    world.heal();
    await world.clock.run(2_000);
  }
  over = true;
  await world.settle(running);
  const history = clients.flatMap((each) => each.history).sort((a, b) => a.call - b.call);
  const longest = Math.max(...history.map((operation) => (operation.return ?? Infinity) - operation.call));
  expect(longest).toBeLessThan(2_000);
  expect(history.length).toBeGreaterThan(2_000);
  expect(checkLinearizability(textModel, history).ok).toBe(true);
  await world.close();
}, 120_000);
