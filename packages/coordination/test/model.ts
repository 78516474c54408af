import type {
  Condition,
  CoordinationCommand,
  CoordinationResult,
  KeyEntry,
  KeyEvent,
  KeySelector,
} from "../src/index.js";

interface ModelLease {
  ttlMs: number;
  expiresMs: number;
  ended: boolean;
}
interface ModelRequest {
  readonly id: string;
  readonly limit: number;
  readonly parties: number;
  value: Uint8Array;
  token: number;
}

const REMEMBER_MS = 600_000;

export const selects = (keys: KeySelector, key: string): boolean => {
  if ("key" in keys) return key === keys.key;
  if ("prefix" in keys) return key.startsWith(keys.prefix) && (keys.after === undefined || key > keys.after);
  return key >= keys.from && (keys.to === undefined || key < keys.to);
};

/** The same machine as plainly as it can be said: arrays, copies of everything, and nothing that is fast. */
export class Model {
  revision = 0;
  timeMs = 0;
  keys: KeyEntry[] = [];
  /** The keys after each revision that changed them. */
  readonly past: KeyEntry[][] = [];
  readonly events: KeyEvent[] = [];
  readonly leases = new Map<string, ModelLease>();
  readonly queues = new Map<string, ModelRequest[]>();
  readonly counters = new Map<string, { value: number; readonly recent: [string, number][] }>();

  apply(command: CoordinationCommand, timeMs: number): CoordinationResult {
    this.timeMs = timeMs;
    this.expire();
    return this.execute(command);
  }

  /** The keys as they were. */
  at(revision: number): readonly KeyEntry[] {
    for (let at = revision; at > 0; at--) {
      const keys = this.past[at];
      if (keys !== undefined) return keys;
    }
    return [];
  }

  execute(command: CoordinationCommand): CoordinationResult {
    switch (command.kind) {
      case "put":
      case "delete": {
        const keyRevision = this.find(command.key)?.revision ?? 0;
        const fits = command.expected === null || command.expected === keyRevision;
        if (!fits || (command.kind === "delete" && keyRevision === 0)) {
          return { kind: "written", done: false, revision: this.revision, keyRevision };
        }
        if (command.kind === "put" && !this.leaseFits(command.lease)) return refused("noLease");
        this.revision++;
        if (command.kind === "put") this.put(command.key, command.value, command.lease);
        else this.delete(command.key);
        const after = this.find(command.key)?.revision ?? 0;
        return { kind: "written", done: true, revision: this.revision, keyRevision: after };
      }
      case "deleteRange": {
        const found = this.keys.filter(({ key }) => selects(command.keys, key));
        const doomed = found.slice(0, command.limit);
        if (doomed.length > 0) this.revision++;
        for (const { key } of doomed) this.delete(key);
        const more = found.length > doomed.length;
        return { kind: "deleted", count: doomed.length, more, revision: this.revision };
      }
      case "transaction":
        return this.transaction(command);
      case "grantLease": {
        if (!this.renew(command.id, command.ttlMs)) return refused("noLease");
        return { kind: "leases", gone: [], revision: this.revision };
      }
      case "keepAlive": {
        const gone = command.ids.filter((id) => !this.alive(id));
        for (const id of command.ids) if (this.alive(id)) this.renew(id, 0);
        return { kind: "leases", gone, revision: this.revision };
      }
      case "endLeases": {
        const gone: string[] = [];
        for (const id of command.ids) {
          const known = this.leases.get(id);
          if (known === undefined) gone.push(id);
          if (known?.ended === true) continue;
          this.end(id);
          if (command.remember) this.leases.set(id, { ttlMs: 0, expiresMs: this.timeMs + REMEMBER_MS, ended: true });
        }
        return { kind: "leases", gone, revision: this.revision };
      }
      case "acquire":
        return this.acquire(command);
      case "proclaim": {
        const request = this.queues.get(command.name)?.find(({ id, token }) => id === command.id && token > 0);
        if (request === undefined) return refused("notHeld");
        request.value = command.value;
        this.revision++;
        return { kind: "proclaimed", revision: this.revision };
      }
      case "add": {
        const counter = this.counters.get(command.name) ?? { value: 0, recent: [] };
        const before = counter.recent.find(([request]) => request === command.request);
        if (before !== undefined) return { kind: "added", value: before[1], repeated: true };
        counter.value += command.by;
        this.counters.set(command.name, counter);
        if (command.request !== null) counter.recent.push([command.request, counter.value]);
        return { kind: "added", value: counter.value, repeated: false };
      }
    }
  }

  find(key: string): KeyEntry | undefined {
    return this.keys.find((entry) => entry.key === key);
  }

  alive(id: string): boolean {
    return this.leases.get(id)?.ended === false;
  }

  holders(name: string): ModelRequest[] {
    return (this.queues.get(name) ?? []).filter(({ token }) => token > 0).sort((a, b) => a.token - b.token);
  }

  waiting(name: string): ModelRequest[] {
    return (this.queues.get(name) ?? []).filter(({ token }) => token === 0);
  }

  transaction(command: CoordinationCommand & { kind: "transaction" }): CoordinationResult {
    const succeeded = command.if.every((condition) => this.holds(condition));
    const operations = succeeded ? command.do : command.else;
    if (operations.some((one) => one.kind === "put" && !this.leaseFits(one.lease))) return refused("noLease");
    const changes = (): number => this.events.length;
    const before = changes();
    this.revision++;
    const revision = this.revision;
    const results = operations.map((one) => {
      if (one.kind === "put") this.put(one.key, one.value, one.lease);
      if (one.kind === "put") return { kind: "put", revision } as const;
      if (one.kind === "delete") return { kind: "delete", deleted: this.delete(one.key) } as const;
      const found = this.keys.filter(({ key }) => selects(one.keys, key));
      return { kind: "range", entries: found.slice(0, one.limit), more: found.length > one.limit } as const;
    });
    if (changes() === before) this.revision--;
    return { kind: "transaction", succeeded, revision: this.revision, results };
  }

  holds(condition: Condition): boolean {
    if ("held" in condition) {
      return this.holders(condition.held).some(({ token }) => token === condition.fencingToken);
    }
    const entry = this.find(condition.key);
    if (condition.field === "value") {
      const same = entry !== undefined && Buffer.compare(entry.value, condition.to) === 0;
      return same === (condition.is === "=");
    }
    const actual = entry?.[condition.field] ?? 0;
    if (condition.is === "<") return actual < condition.to;
    if (condition.is === ">") return actual > condition.to;
    return (actual === condition.to) === (condition.is === "=");
  }

  acquire(command: CoordinationCommand & { kind: "acquire" }): CoordinationResult {
    const { name, id, parties, value } = command;
    const limit = parties > 0 ? 1_000_000 : command.limit;
    const queue = this.queues.get(name) ?? [];
    if (!queue.some((one) => one.id === id)) {
      if (this.leases.has(id) && !this.alive(id)) return refused("noLease");
      const waiting = this.waiting(name);
      const free = parties > 0 ? waiting.length + 1 >= parties : waiting.length === 0 && this.fits(name, limit);
      if (!free && !command.wait) return this.acquired(name, id);
      this.renew(id, command.ttlMs);
      this.revision++;
      this.queues.set(name, [...queue, { id, limit, parties, value, token: 0 }]);
      this.grant(name);
    } else {
      this.renew(id, command.ttlMs);
    }
    return this.acquired(name, id);
  }

  acquired(name: string, id: string): CoordinationResult {
    const own = this.queues.get(name)?.find((one) => one.id === id);
    const status = own === undefined ? "none" : own.token > 0 ? "held" : "waiting";
    const waiting = this.waiting(name).filter((one) => one.id !== id).length;
    return { kind: "acquired", status, fencingToken: own?.token ?? 0, waiting, revision: this.revision };
  }

  fits(name: string, limit: number): boolean {
    const holders = this.holders(name);
    return holders.length < Math.min(limit, ...holders.map((one) => one.limit));
  }

  grant(name: string): void {
    for (;;) {
      const waiting = this.waiting(name);
      const first = waiting[0];
      if (first === undefined) return;
      if (first.parties > 0 ? waiting.length < first.parties : !this.fits(name, first.limit)) return;
      for (const request of waiting.slice(0, Math.max(1, first.parties))) request.token = ++this.revision;
    }
  }

  /** Makes a lease or renews it. */
  renew(id: string, ttlMs: number): boolean {
    const lease = this.leases.get(id) ?? { ttlMs, expiresMs: 0, ended: false };
    if (lease.ended) return false;
    this.leases.set(id, { ...lease, expiresMs: Math.max(lease.expiresMs, this.timeMs + lease.ttlMs) });
    return true;
  }

  end(id: string): void {
    this.leases.delete(id);
    const keys = this.keys.filter(({ lease }) => lease === id);
    if (keys.length > 0) this.revision++;
    for (const { key } of keys) this.delete(key);
    for (const name of [...this.queues.keys()].sort()) {
      const queue = this.queues.get(name) ?? [];
      if (!queue.some((request) => request.id === id)) continue;
      this.revision++;
      this.queues.set(
        name,
        queue.filter((request) => request.id !== id),
      );
      this.grant(name);
    }
  }

  expire(): void {
    const due = [...this.leases].filter(([, { expiresMs }]) => expiresMs <= this.timeMs);
    due.sort(([a, x], [b, y]) => x.expiresMs - y.expiresMs || (a < b ? -1 : 1));
    for (const [id] of due) this.end(id);
  }

  leaseFits(lease: string | null): boolean {
    return lease === null || this.alive(lease);
  }

  put(key: string, value: Uint8Array, lease: string | null): void {
    const { revision } = this;
    const before = this.find(key);
    const entry = {
      key,
      value,
      revision,
      createRevision: before?.createRevision ?? revision,
      version: (before?.version ?? 0) + 1,
      lease,
    };
    this.keys = [...this.keys.filter((one) => one.key !== key), entry].sort((a, b) => (a.key < b.key ? -1 : 1));
    this.past[revision] = this.keys;
    this.events.push({ kind: "put", ...entry });
  }

  delete(key: string): boolean {
    if (this.find(key) === undefined) return false;
    this.keys = this.keys.filter((one) => one.key !== key);
    this.past[this.revision] = this.keys;
    this.events.push({ kind: "delete", key, revision: this.revision });
    return true;
  }
}

const refused = (reason: "noLease" | "notHeld"): CoordinationResult => ({ kind: "refused", reason, limit: 0 });
