import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (path: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/${path}.ts`, find, replace });
const machine = inFile("rsm/src/machine");
const sessions = inFile("rsm/src/sessions");
const snapshot = inFile("rsm/src/snapshot");

const SNAPSHOT_TEST = "packages/rsm/test/snapshot.test.ts";
const SESSIONS_TEST = "packages/rsm/test/sessions.test.ts";

/** From log to service: batches, sessions, snapshots of the state machine. */
export const serviceMutants: readonly Mutant[] = [
  {
    id: "slot-applied-twice",
    faults: [17, 25],
    title: "A slot is applied although it is not the next one",
    patches: [machine(`if (slot !== this.#applied + 1) {`, `if (slot > this.#applied + 1) {`)],
    finder: { kind: "unit", file: "packages/rsm/test/machine.test.ts", test: "slots in order, each once" },
  },
  {
    id: "half-a-batch-applied",
    faults: [23],
    title: "A batch takes effect entry by entry although its end cannot be read",
    patches: [
      machine(
        `const batch = isBatch(value) ? decodeBatch(value) : null;`,
        `this.#applied = slot;
    const batch = isBatch(value) ? decodeBatch(value) : null;`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/rsm/test/machine.test.ts",
      test: "a batch that cannot be read changes nothing",
    },
  },
  {
    id: "last-entry-of-batch-skipped",
    faults: [23],
    title: "The last command of a batch is not executed",
    patches: [
      machine(
        `batch.entries.forEach((entry, index) =>`,
        `batch.entries.slice(0, Math.max(1, batch.entries.length - 1)).forEach((entry, index) =>`,
      ),
    ],
    finder: { kind: "sim", profile: "calm", seeds: 20 },
  },
  {
    id: "machine-reads-the-clock",
    faults: [24],
    title: "A replica takes its own clock for logged time",
    patches: [
      machine(
        `this.#timeMs = Math.max(this.#timeMs, timeMs);`,
        `this.#timeMs = Math.max(this.#timeMs, timeMs, Math.floor(performance.now()) % 1000);`,
      ),
    ],
    finder: { kind: "sim", profile: "calm", seeds: 20 },
  },
  {
    id: "repeat-executed-again",
    faults: [25],
    title: "A command that is sent again after a change of leader is executed again",
    patches: [sessions(`if (reply !== undefined) return { kind: "cached", reply };`, ``)],
    finder: { kind: "sim", profile: "network", seeds: 100 },
  },
  {
    id: "reply-not-kept",
    faults: [26],
    title: "The table of sessions forgets replies when the next one comes",
    patches: [
      sessions(
        `  session.replies.set(sequence, reply);`,
        `  for (const [before] of session.replies.entries()) drop(session, before);
  session.replies.set(sequence, reply);`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/rsm/test/sessions.test.ts",
      test: "is the slow model, with restarts from snapshots in between",
    },
  },
  {
    id: "floor-drops-one-too-many",
    faults: [26],
    title: "Raising the floor drops a reply that the client may still ask for",
    patches: [
      sessions(
        `if (ticket.sequence <= session.floor) return STALE;`,
        `if (ticket.sequence < session.floor) return STALE;`,
      ),
      sessions(
        `sequence <= floor; sequence += 1) drop(session, sequence);`,
        `sequence <= floor + 1; sequence += 1) drop(session, sequence);`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/rsm/test/sessions.test.ts",
      test: "at or below the floor is stale; a floor never falls",
    },
  },
  {
    id: "session-expires-while-used",
    faults: [26],
    title: "A session expires a time after it was opened, however much it is used",
    patches: [
      sessions(
        `      session.lastUsedMs = nowMs;
      const use`,
        `      const use`,
      ),
    ],
    finder: { kind: "unit", file: SESSIONS_TEST, test: "every mention counts as use, even a refused one" },
  },
  {
    id: "unknown-session-starts-fresh",
    faults: [27],
    title: "A command of an unknown session opens it anew and is executed",
    patches: [
      sessions(
        `    if (!session) return UNKNOWN;`,
        `    if (!session) {
      this.open(ticket.session, 4096, nowMs);
      return this.admit(ticket, nowMs);
    }`,
      ),
    ],
    finder: { kind: "unit", file: SESSIONS_TEST, test: "an unknown session executes nothing" },
  },
  {
    id: "sessions-share-sequences",
    faults: [27],
    title: "Sessions opened in one batch are taken for one",
    patches: [sessions("return `${id.slot}.${id.index}`;", "return `${id.slot}`;")],
    finder: { kind: "sim", profile: "calm", seeds: 20 },
  },
  {
    id: "copied-open-revives-session",
    faults: [87],
    title: "A copy of an OPEN that comes after the session expired gives it back under its old id",
    patches: [
      machine(
        `const session: SessionId = { slot, index };`,
        `const session: SessionId = this.#opens.get(entry.nonce) ?? { slot, index };
        this.#opens.set(entry.nonce, session);`,
      ),
      machine(
        `  #applied: Slot = 0;`,
        `  #applied: Slot = 0;
  readonly #opens = new Map<string, SessionId>();`,
      ),
    ],
    finder: { kind: "sim", profile: "network", seeds: 130 },
  },
  {
    id: "refused-sequence-is-answered",
    faults: [87],
    title: "A command beyond the session's limit is executed, so that its repeat can fall below the floor",
    patches: [sessions(`if (ticket.sequence - session.floor > session.limit) return BEYOND;`, ``)],
    finder: {
      kind: "unit",
      file: SESSIONS_TEST,
      test: "beyond floor + limit is no answer: it executes once the floor has risen",
    },
  },
  {
    id: "snapshot-of-a-moving-state",
    faults: [56],
    title: "A snapshot sees what is applied while it is being written",
    patches: [
      machine(
        `const machine = started(this.#machine.snapshot());`,
        `const source = this.#machine;
    const machine = (function* (): Generator<Uint8Array> {
      yield* source.snapshot();
    })();`,
      ),
    ],
    finder: {
      kind: "unit",
      file: SNAPSHOT_TEST,
      test: "stands on the state of the call even if nothing was pulled before the log went on",
    },
  },
  {
    id: "restore-goes-back",
    faults: [57],
    title: "A snapshot of a shorter prefix replaces a longer state",
    patches: [machine(`if (header.index < this.#applied) {`, `if (header.index < 0) {`)],
    finder: { kind: "unit", file: SNAPSHOT_TEST, test: "never goes back" },
  },
  {
    id: "snapshot-without-replies",
    faults: [58],
    title: "A snapshot holds the sessions but not their replies",
    patches: [
      snapshot(
        `    for (const [sequence, reply] of session.replies.entries()) {`,
        `    for (const [sequence, reply] of session.replies.entries().slice(0, 0)) {`,
      ),
    ],
    finder: {
      kind: "unit",
      file: SESSIONS_TEST,
      test: "exactly once, however copies are duplicated, reordered, and cut by restores",
    },
  },
  {
    id: "time-of-an-earlier-leader",
    faults: [24],
    title: "What a leader logged while it was cut off advances the time, although a later one has logged since",
    patches: [machine(`    if (isBelow(ballot, this.#timedBy)) return;`, ``)],
    finder: {
      kind: "unit",
      file: "packages/node/test/logged-time.test.ts",
      test: "also where what a leader logged while it was cut off is chosen after what the next one logged",
    },
  },
  {
    id: "snapshot-without-clock",
    faults: [58],
    title: "A machine restored from a snapshot has forgotten by whose clock its time goes",
    patches: [machine(`        this.#timedBy = header.timedBy;`, ``)],
    finder: { kind: "unit", file: "packages/rsm/test/machine.test.ts", test: "also behind a snapshot of slot 2" },
  },
  {
    id: "snapshot-without-logged-time",
    faults: [58],
    title: "A machine restored from a snapshot begins its logged time anew",
    patches: [machine(`      this.#timeMs = header.timeMs;`, ``)],
    finder: { kind: "unit", file: SESSIONS_TEST, test: "is the slow model, with restarts from snapshots in between" },
  },
  {
    id: "exception-of-apply-survived",
    faults: [65],
    title: "The machine goes on after the state machine threw half-way",
    patches: [
      machine(
        `    this.#broken = { cause };
    return new SynodError(
      "ApplyFailed"`,
        `    return new SynodError(
      "ApplyFailed"`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/rsm/test/machine.test.ts",
      test: "an exception of apply stops the machine for good",
    },
  },
  {
    id: "deadline-that-came-hides-the-next",
    faults: [87],
    title: "A deadline of the state machine that has come already keeps idle sessions from expiring",
    patches: [
      machine(`const deadline = named !== null && named > this.#timeMs ? named : null;`, `const deadline = named;`),
    ],
    finder: { kind: "unit", file: "packages/rsm/test/machine.test.ts", test: "nextDeadline is the earlier of the two" },
  },
  {
    id: "new-watches-starve-old-ones",
    faults: [45],
    title: "As long as new watches come, those that wait are not asked",
    patches: [
      {
        file: "packages/node/src/watches.ts",
        find: `if (next.done !== true) yield next.value;`,
        replace: `if (next.done !== true) {
        yield next.value;
        continue;
      }`,
      },
    ],
    finder: {
      kind: "unit",
      file: "packages/node/test/watches.test.ts",
      test: "watches that wait get their turn however many new ones come",
    },
  },
  {
    id: "sessions-without-number",
    faults: [26],
    title: "Sessions are opened without a limit, each with its replies",
    patches: [sessions(`if (this.#table.size >= this.#limits.sessionsMax) return false;`, ``)],
    finder: { kind: "unit", file: SESSIONS_TEST, test: "an open beyond the number of sessions is refused" },
  },
  {
    id: "sessions-never-expire",
    faults: [26],
    title: "A session that nobody uses is kept for ever",
    patches: [
      sessions(
        `nowMs - session.lastUsedMs < this.#limits.sessionTtlMs) return;`,
        `nowMs - session.lastUsedMs < this.#limits.sessionTtlMs * 1e9) return;`,
      ),
    ],
    finder: { kind: "unit", file: SESSIONS_TEST, test: "exactly after the time to live, by a tick alone" },
  },
  {
    id: "replies-without-bytes",
    faults: [26],
    title: "A client that never gives replies up fills the memory of all replicas",
    patches: [
      sessions(
        `session.replyBytes >= this.#limits.sessionReplyBytesMax;`,
        `session.replyBytes >= this.#limits.sessionReplyBytesMax * 1e9;`,
      ),
    ],
    finder: { kind: "unit", file: SESSIONS_TEST, test: "the bound in bytes is checked before execution" },
  },
  {
    id: "sequence-beyond-its-limit",
    faults: [26],
    title: "A session executes sequences as far above its floor as its client likes",
    patches: [sessions(`if (ticket.sequence - session.floor > session.limit) return BEYOND;`, ``)],
    finder: { kind: "unit", file: SESSIONS_TEST, test: "beyond floor + limit is no answer" },
  },
];
