import { ANSWER_BYTES_MAX, HOLDERS_MAX, REQUEST_VALUE_BYTES_MAX } from "./limits.js";
import { growthOver } from "./key-space.js";
import type { State } from "./state.js";
import type {
  Condition,
  CoordinationCommand,
  CoordinationResult,
  Operation,
  OperationResult,
  RefusalReason,
} from "./types.js";
import { utf8Length } from "./wire.js";

/** What hangs on leases that are ended is cleared away at once up to here; the rest soon after. */
const END_STEPS_MAX = 1024;

type Of<Kind extends CoordinationCommand["kind"]> = Extract<CoordinationCommand, { readonly kind: Kind }>;

const refused = (reason: RefusalReason, limit: number = 0): CoordinationResult => ({ kind: "refused", reason, limit });

/** What one command does to the state. Nothing in here depends on anything but these two. */
export function execute(state: State, command: CoordinationCommand): CoordinationResult {
  switch (command.kind) {
    case "put":
      return put(state, command);
    case "delete":
      return remove(state, command);
    case "deleteRange":
      return removeRange(state, command);
    case "transaction":
      return transaction(state, command);
    case "grantLease":
      return grantLease(state, command);
    case "keepAlive":
      return keepAlive(state, command);
    case "endLeases":
      return endLeases(state, command);
    case "acquire":
      return acquire(state, command);
    case "proclaim":
      return proclaim(state, command);
    case "add":
      return add(state, command);
  }
}

function put(state: State, { key, value, lease, expected }: Of<"put">): CoordinationResult {
  const before = state.keys.get(key);
  const keyRevision = before?.revision ?? 0;
  if (expected !== null && expected !== keyRevision) {
    return { kind: "written", done: false, revision: state.revision, keyRevision };
  }
  const refusal = checkPut(state, key, value, lease) ?? checkGrowth(state, growthOver(before, key, value));
  if (refusal !== null) return refusal;
  const revision = state.revision + 1;
  state.put(key, before, value, lease, revision);
  state.close(revision);
  return { kind: "written", done: true, revision, keyRevision: revision };
}

function remove(state: State, { key, expected }: Of<"delete">): CoordinationResult {
  const keyRevision = state.keys.get(key)?.revision ?? 0;
  if (keyRevision === 0 || (expected !== null && expected !== keyRevision)) {
    return { kind: "written", done: false, revision: state.revision, keyRevision };
  }
  const revision = state.revision + 1;
  state.delete(key, revision);
  state.close(revision);
  return { kind: "written", done: true, revision, keyRevision: 0 };
}

function removeRange(state: State, { keys, limit }: Of<"deleteRange">): CoordinationResult {
  const { keys: found, more } = state.keys.first(keys, limit);
  const revision = state.revision + 1;
  for (const key of found) state.delete(key, revision);
  if (found.length > 0) state.close(revision);
  return { kind: "deleted", count: found.length, more, revision: state.revision };
}

function transaction(state: State, command: Of<"transaction">): CoordinationResult {
  const succeeded = command.if.every((condition) => holds(state, condition));
  const operations = succeeded ? command.do : command.else;
  const refusal = checkPuts(state, operations);
  // All of it or nothing.
  if (refusal !== null) return refusal;
  const revision = state.revision + 1;
  let changes = 0;
  let bytesLeft = ANSWER_BYTES_MAX;
  const results = operations.map((operation): OperationResult => {
    switch (operation.kind) {
      case "put": {
        const { key, value, lease } = operation;
        state.put(key, state.keys.get(key), value, lease, revision);
        changes++;
        return { kind: "put", revision };
      }
      case "delete": {
        const deleted = state.delete(operation.key, revision);
        if (deleted) changes++;
        return { kind: "delete", deleted };
      }
      case "range": {
        // The result is kept until its caller has it: all ranges of it have the size of one.
        const rest = { revision: null, reverse: false, keysOnly: false, bytesMax: bytesLeft };
        const found = state.keys.range({ ...operation, ...rest });
        bytesLeft -= found?.bytes ?? 0;
        return { kind: "range", entries: found?.entries ?? [], more: found?.more ?? false };
      }
    }
  });
  if (changes > 0) state.close(revision);
  return { kind: "transaction", succeeded, revision: state.revision, results };
}

function holds(state: State, condition: Condition): boolean {
  if ("held" in condition) {
    const { held, fencingToken } = condition;
    for (const { id, token } of state.queues.table.get(held)?.holders.values() ?? []) {
      // What has expired and is not cleared away yet holds nothing any more.
      if (token === fencingToken) return state.leases.alive(id, state.timeMs) !== null;
    }
    return false;
  }
  const record = state.keys.get(condition.key);
  if (condition.field === "value") {
    const same = record !== null && sameBytes(record.value, condition.to);
    return same === (condition.is === "=");
  }
  const actual = record?.[condition.field] ?? 0;
  switch (condition.is) {
    case "=":
      return actual === condition.to;
    case "!=":
      return actual !== condition.to;
    case "<":
      return actual < condition.to;
    case ">":
      return actual > condition.to;
  }
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** Why these cannot be put; null if they can, in whatever state the others of them leave. */
function checkPuts(state: State, operations: readonly Operation[]): CoordinationResult | null {
  let growth = 0;
  for (const operation of operations) {
    if (operation.kind !== "put") continue;
    const { key, value, lease } = operation;
    const refusal = checkPut(state, key, value, lease);
    if (refusal !== null) return refusal;
    growth += state.keys.growth(key, value);
  }
  return checkGrowth(state, growth);
}

function checkPut(state: State, key: string, value: Uint8Array, lease: string | null): CoordinationResult | null {
  const { keyBytesMax, valueBytesMax } = state.limits;
  if (utf8Length(key) > keyBytesMax) return refused("keyTooLarge", keyBytesMax);
  if (value.length > valueBytesMax) return refused("valueTooLarge", valueBytesMax);
  return lease !== null && state.leases.alive(lease, state.timeMs) === null ? refused("noLease") : null;
}

function checkGrowth(state: State, growth: number): CoordinationResult | null {
  const { stateBytesMax } = state.limits;
  return growth > 0 && state.bytes + growth > stateBytesMax ? refused("stateFull", stateBytesMax) : null;
}

function grantLease(state: State, { id, ttlMs }: Of<"grantLease">): CoordinationResult {
  const refusal = makeLease(state, id, ttlMs);
  return refusal ?? { kind: "leases", gone: [], revision: state.revision };
}

/** Makes a lease, or renews the one that is there. */
function makeLease(state: State, id: string, ttlMs: number): CoordinationResult | null {
  const { leases, limits, timeMs } = state;
  const known = leases.table.get(id);
  if (known !== undefined && leases.alive(id, timeMs) === null) return refused("noLease");
  if (known === undefined && leases.table.size >= limits.leasesMax) return refused("leasesFull", limits.leasesMax);
  leases.set(id, renewed(known ?? { ttlMs, expiresMs: 0 }, timeMs));
  return null;
}

/** Never earlier than it was. */
const renewed = ({ ttlMs, expiresMs }: { ttlMs: number; expiresMs: number }, timeMs: number) => ({
  ttlMs,
  expiresMs: Math.max(expiresMs, timeMs + ttlMs),
  ended: false,
});

function keepAlive({ leases, timeMs, revision }: State, { ids }: Of<"keepAlive">): CoordinationResult {
  const gone: string[] = [];
  for (const id of ids) {
    const lease = leases.alive(id, timeMs);
    if (lease === null) gone.push(id);
    else leases.set(id, renewed(lease, timeMs));
  }
  return { kind: "leases", gone, revision };
}

function endLeases(state: State, { ids, remember }: Of<"endLeases">): CoordinationResult {
  const gone: string[] = [];
  let steps = END_STEPS_MAX;
  for (const id of ids) {
    const known = state.leases.table.get(id);
    if (known === undefined) gone.push(id);
    const room = known !== undefined || state.leases.table.size < state.limits.leasesMax;
    if (known?.ended !== true) steps -= state.end(id, remember && room, steps);
  }
  return { kind: "leases", gone, revision: state.revision };
}

function acquire(state: State, command: Of<"acquire">): CoordinationResult {
  const { name, id, ttlMs, limit, parties, value, wait } = command;
  const { queues, leases, limits } = state;
  const { keyBytesMax, stateBytesMax, requestsMax, queueMax } = limits;
  const known = leases.table.has(id);
  if (queues.standing(name, id).status === "none" || leases.alive(id, state.timeMs) === null) {
    if (known && leases.alive(id, state.timeMs) === null) return refused("noLease");
    if (utf8Length(name) > keyBytesMax) return refused("keyTooLarge", keyBytesMax);
    if (value.length > REQUEST_VALUE_BYTES_MAX) return refused("valueTooLarge", REQUEST_VALUE_BYTES_MAX);
    const free = queues.free(name, limit, parties);
    if (!free && !wait) return acquired(state, name, id);
    if (!free && queues.waiting(name) >= queueMax) return refused("queueFull", queueMax);
    if (queues.requests >= requestsMax) return refused("requestsFull", requestsMax);
    if (state.bytes + queues.sizeOf(name, id, value) > stateBytesMax) return refused("stateFull", stateBytesMax);
    const refusal = makeLease(state, id, ttlMs);
    if (refusal !== null) return refusal;
    leases.attach(id, "queues", name);
    queues.add(name, { id, limit: parties > 0 ? HOLDERS_MAX : limit, parties, value });
  } else {
    makeLease(state, id, ttlMs);
  }
  return acquired(state, name, id);
}

function acquired({ queues, revision }: State, name: string, id: string): CoordinationResult {
  const { status, token } = queues.standing(name, id);
  const waiting = queues.waiting(name) - (status === "waiting" ? 1 : 0);
  return { kind: "acquired", status, fencingToken: token, waiting, revision };
}

function proclaim(state: State, { name, id, value }: Of<"proclaim">): CoordinationResult {
  const { queues, leases, limits, timeMs } = state;
  const held = queues.standing(name, id).status === "held" && leases.alive(id, timeMs) !== null;
  if (!held) return refused("notHeld");
  if (value.length > REQUEST_VALUE_BYTES_MAX) return refused("valueTooLarge", REQUEST_VALUE_BYTES_MAX);
  if (state.bytes + value.length > limits.stateBytesMax) return refused("stateFull", limits.stateBytesMax);
  queues.proclaim(name, id, value);
  return { kind: "proclaimed", revision: state.revision };
}

function add(state: State, { name, by, request }: Of<"add">): CoordinationResult {
  const { counters, limits } = state;
  const before = request === null ? undefined : counters.recent(name, request);
  if (before !== undefined) return { kind: "added", value: before, repeated: true };
  if (utf8Length(name) > limits.keyBytesMax) return refused("keyTooLarge", limits.keyBytesMax);
  const value = counters.value(name) + by;
  if (!Number.isSafeInteger(value)) return refused("numberTooLarge", Number.MAX_SAFE_INTEGER);
  const growth = counters.growth(name, request);
  if (growth > 0 && state.bytes + growth > limits.stateBytesMax) return refused("stateFull", limits.stateBytesMax);
  counters.set(name, value, request);
  return { kind: "added", value, repeated: false };
}
