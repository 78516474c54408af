import type { Watched } from "@synod/interface";
import { entryOf } from "./key-space.js";
import { HOLDERS_SHOWN } from "./query-codecs.js";
import type { State } from "./state.js";
import type { CoordinationAnswer, CoordinationQuery } from "./types.js";

type Of<Kind extends CoordinationQuery["kind"]> = Extract<CoordinationQuery, { readonly kind: Kind }>;
type WatchedAnswer = Watched<CoordinationQuery, CoordinationAnswer>;

/** Answers from the state as it is. */
export function answer(state: State, query: CoordinationQuery): CoordinationAnswer {
  const { revision, keys } = state;
  switch (query.kind) {
    case "get":
      return get(state, query);
    case "range":
      return range(state, query);
    case "count":
      return { kind: "count", count: keys.count(query.keys), revision };
    case "status":
      return status(state);
    case "lease":
      return lease(state, query);
    case "counter":
      return { kind: "counter", value: state.counters.value(query.name) };
    case "events":
      return keys.events(query.keys, query.from, revision) ?? { kind: "events", events: [], revision };
    case "request":
      return request(state, query);
    case "lock":
      return lock(state, query);
  }
}

/** Null: nothing to tell yet. Undefined: this is not watched. */
export function watchAnswer(state: State, query: CoordinationQuery): WatchedAnswer | null | undefined {
  const { revision } = state;
  switch (query.kind) {
    case "events": {
      const events = state.keys.events(query.keys, query.from, revision);
      if (events === null) return null;
      if (events.kind !== "events") return { answer: events, next: null };
      return { answer: events, next: { ...query, from: events.revision + 1 } };
    }
    case "request": {
      if (revision < query.after) return null;
      const now = request(state, query);
      return now.status === "waiting" ? null : { answer: now, next: null };
    }
    case "lock": {
      if (revision < query.after) return null;
      const now = lock(state, query);
      if (now.changed === query.seen) return null;
      return { answer: now, next: { ...query, seen: now.changed, after: revision } };
    }
    case "get":
    case "range":
    case "count":
    case "status":
    case "lease":
    case "counter":
      return undefined;
  }
}

function get({ keys, revision }: State, query: Of<"get">): CoordinationAnswer {
  const current = keys.get(query.key);
  const { compacted } = keys.history;
  if (query.revision !== null && query.revision < compacted) return { kind: "compacted", compacted, revision };
  const record = query.revision === null ? current : keys.history.at(query.key, query.revision, current);
  return { kind: "get", entry: record === null ? null : entryOf(query.key, record), revision };
}

function range({ keys, revision }: State, query: Of<"range">): CoordinationAnswer {
  const found = keys.range(query);
  if (found === null) return { kind: "compacted", compacted: keys.history.compacted, revision };
  const { entries, more } = found;
  return { kind: "range", entries, more, revision: Math.min(revision, query.revision ?? revision) };
}

function status({ revision, timeMs, keys, leases, queues, counters, bytes }: State): CoordinationAnswer {
  return {
    kind: "status",
    revision,
    compacted: keys.history.compacted,
    timeMs,
    keys: keys.records.size,
    bytes,
    historyBytes: keys.history.bytes,
    leases: leases.table.size,
    locks: queues.table.size,
    requests: queues.requests,
    counters: counters.table.size,
  };
}

function lease({ leases, timeMs, revision }: State, { id }: Of<"lease">): CoordinationAnswer {
  const found = leases.alive(id, timeMs);
  if (found === null) return { kind: "none", revision };
  const attached = leases.attached(id);
  return {
    kind: "lease",
    ttlMs: found.ttlMs,
    leftMs: found.expiresMs - timeMs,
    keys: attached?.keys.size ?? 0,
    requests: attached?.queues.size ?? 0,
  };
}

function request({ queues, revision }: State, { name, id }: Of<"request">): CoordinationAnswer & { kind: "request" } {
  const { status, token } = queues.standing(name, id);
  return { kind: "request", status, fencingToken: token, revision };
}

function lock({ queues, revision }: State, { name }: Of<"lock">): CoordinationAnswer & { kind: "lock" } {
  const queue = queues.table.get(name);
  const holders = [...(queue?.holders.values() ?? [])].slice(0, HOLDERS_SHOWN);
  return {
    kind: "lock",
    holders: holders.map(({ id, token, value }) => ({ id, fencingToken: token, value })),
    holding: queue?.holders.size ?? 0,
    waiting: queue?.waiting.size ?? 0,
    changed: queue?.changed ?? 0,
    revision,
  };
}
