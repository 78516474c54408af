import {
  type Action,
  type Flight,
  isCut,
  type ProcessId,
  type Protocol,
  type Scenario,
  type Value,
  type World,
} from "@synod/lecture";

export function serversOf(world: World): ProcessId[] {
  return Object.keys(world.servers);
}

const CLIENTS = ["C1", "C2", "C3"];

/** The clients of a picture: those who asked or will ask in it, and at least two, unless servers have wishes of their own. */
export function clientsOf(protocol: Protocol, actions: readonly Action[]): ProcessId[] {
  if (protocol.asks === "none") return [];
  const asking = actions.flatMap((action) => (action.do === "ask" || action.do === "send" ? [action.client] : []));
  const cut = actions.flatMap((action) => (action.do === "cut" ? action.sides.flat() : []));
  const named = [...asking, ...cut].filter((id) => id.startsWith("C"));
  const usual = protocol.id === "synod-multipaxos" ? CLIENTS : CLIENTS.slice(0, 2);
  return [...new Set([...usual, ...named])].sort();
}

/** A command that nobody has asked for yet. */
export function freshValue(world: World, scenario: Scenario | null): Value {
  const asked = new Set(Object.keys(world.asked));
  const named = scenario?.script.flatMap((line) => /(?:asks|sends|wants) (\S+)/.exec(line)?.[1] ?? []) ?? [];
  const wished = scenario?.protocol.asks === "none" ? [...named, "burgers", "pizza", "soup"] : named;
  const free = wished.find((value) => !asked.has(value));
  if (free !== undefined) return free;
  for (let index = 1; ; index++) if (!asked.has(`m${index}`)) return `m${index}`;
}

/** What a client does when it asks: one server, or all of them where all take commands. */
export function askOf(protocol: Protocol, world: World, client: ProcessId, value: Value, to: ProcessId): Action {
  if (protocol.asks === "all") return { do: "send", client, value, to: serversOf(world) };
  return { do: "ask", client, value, to };
}

export function canArrive(world: World, flight: Flight): boolean {
  return !isCut(world, flight.from, flight.to);
}

/** What happens next by itself: the oldest message that can arrive and is not held back. */
export function nextByItself(world: World, held: readonly number[]): Action | null {
  const next = world.flights.find((flight) => canArrive(world, flight) && !held.includes(flight.id));
  return next === undefined ? null : { do: "deliver", id: next.id };
}

/** Everything that can go wrong at a server, and what it would do about it. */
export function serverMoves(protocol: Protocol, world: World, at: ProcessId): { action: Action; words: string }[] {
  const server = world.servers[at];
  if (server === undefined) return [];
  if (!server.up) {
    return [
      { action: { do: "restart", at, disk: "kept" }, words: "Restart" },
      { action: { do: "restart", at, disk: "lost" }, words: "Restart without disk" },
    ];
  }
  const moves: { action: Action; words: string }[] = [{ action: { do: "crash", at }, words: "Crash" }];
  if (protocol.onTimeout !== undefined) moves.push({ action: { do: "timeout", at }, words: "Time-out" });
  if (protocol.onSuspect !== undefined) {
    for (const of of serversOf(world)) {
      if (of !== at) moves.push({ action: { do: "suspect", at, of }, words: `Suspect ${of}` });
    }
  }
  return moves;
}

/** Cut off from everybody. */
export function isolate(processes: readonly ProcessId[], at: ProcessId): Action {
  return { do: "cut", sides: [[at], processes.filter((id) => id !== at)] };
}

/** A small generator with a seed, so that a run by chance can be had again (mulberry32). */
function chance(seed: number): number {
  let t = (seed + 0x6d2b79f5) | 0;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
}

/** One step by chance: mostly messages in any order, now and then something worse. The same for the same seed and row. */
export function randomMove(
  protocol: Protocol,
  world: World,
  clients: readonly ProcessId[],
  seed: number,
): Action | null {
  let draw = 0;
  const random = (): number => chance(Math.imul(seed, 7919) + world.row * 104_729 + draw++);
  const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(random() * items.length)];
  const arriving = world.flights.filter((flight) => canArrive(world, flight));
  const servers = serversOf(world);
  const up = servers.filter((id) => world.servers[id]?.up === true);
  const kind = random();
  if (kind < 0.14 || arriving.length === 0) {
    const to = pick(up);
    if (to !== undefined && random() < 0.7 && Object.keys(world.asked).length < 6) {
      const client = protocol.asks === "none" ? to : (pick(clients) ?? "C1");
      return askOf(protocol, world, client, freshValue(world, null), protocol.asks === "leader" ? "S1" : to);
    }
    const worse = servers
      .flatMap((id) => serverMoves(protocol, world, id))
      .filter(({ action }) => isLikely(action, up.length, servers.length));
    return pick(worse)?.action ?? null;
  }
  const flight = pick(arriving);
  if (flight === undefined) return null;
  if (kind > 0.95) return { do: "duplicate", id: flight.id };
  return { do: kind > 0.9 ? "lose" : "deliver", id: flight.id };
}

/** Chance leaves a majority up, and disks alone: losing them breaks every protocol. */
function isLikely(action: Action, up: number, servers: number): boolean {
  if (action.do === "crash") return up - 1 > servers / 2;
  return !(action.do === "restart" && action.disk === "lost");
}
