import type { SessionId, Slot, StateMachine } from "@synod/interface";
import { type BatchEntry, encodeBatch, type Outcome, type ReplicatedMachine, replicatedMachine } from "@synod/rsm";
import { type Driver, feedOf, type Given, gives } from "../driver.js";
import type { Case } from "../notation.js";
import { integerOf } from "../terms.js";

const TTL_MS = 1000;
/** No case opens a session there. */
const NOWHERE: SessionId = { slot: 1_000_000, index: 0 };

/** The replicated machine of @synod/rsm with a counter in it. */
export const sessions: Driver = {
  subject: "@synod/rsm",
  start(_one: Case) {
    const log = new SessionLog();
    const add = (name: string, sequence: string, acked: string, x: string): Given => {
      const ticket = { session: log.named(name), sequence: integerOf(sequence), floor: integerOf(acked || "0") };
      return gives(spell(log.apply({ kind: "command", ticket, body: encode(integerOf(x)) })));
    };
    return feedOf("a session row", [
      [/^OPEN (\S+)$/i, (name = "") => log.open(name)],
      [
        /^CMD (\S+)#(\d+)(?: acked #?(\d+))? add (-?\d+)$/i,
        (name = "", sequence = "", acked = "", x = "") => add(name, sequence, acked, x),
      ],
      [/^EXPIRE (\S+)$/i, (name = "") => log.expire(name)],
      [/^VALUE$/i, () => gives(String(log.value()))],
    ]);
  },
};

const encode = (number: number): Uint8Array => new TextEncoder().encode(String(number));
const decode = (bytes: Uint8Array): number => Number(new TextDecoder().decode(bytes));

function counter(): StateMachine<number, null, number> {
  let value = 0;
  return {
    apply: (x) => ({ result: (value += x) }),
    query: () => value,
    snapshot: () => [encode(value)],
    restore: () => ({
      write: (bytes) => {
        value = decode(bytes);
      },
      end: () => undefined,
    }),
  };
}

function spell(outcome: Outcome): string {
  switch (outcome.kind) {
    case "result":
      return `${decode(outcome.reply)}${outcome.cached ? " (cached)" : ""}`;
    case "stale":
      return "STALE";
    case "unknownSession":
      return "SESSION_UNKNOWN";
    case "opened":
      return "ok";
    default:
      return outcome.kind;
  }
}

/** A log with one entry a slot, and the names that the case gives to sessions. */
class SessionLog {
  readonly #machine: ReplicatedMachine<null, number> = replicatedMachine({
    stateMachine: counter(),
    commandCodec: { decode },
    resultCodec: { encode },
    sessionTtlMs: TTL_MS,
  });
  readonly #sessions = new Map<string, SessionId>();
  readonly #expired = new Set<string>();
  #timeMs = 0;

  value(): number {
    return this.#machine.query(null);
  }

  named(name: string): SessionId {
    return this.#sessions.get(name) ?? NOWHERE;
  }

  apply(entry: BatchEntry): Outcome {
    const [outcome] = this.#applyAll([entry]);
    if (outcome === undefined) throw new Error("an entry of a batch had no outcome");
    return outcome;
  }

  #applyAll(entries: readonly BatchEntry[]): readonly Outcome[] {
    const slot: Slot = this.#machine.applied + 1;
    return this.#machine.apply(slot, encodeBatch(this.#timeMs, entries));
  }

  open(name: string): Given {
    const nonce = String(this.#machine.applied).padStart(32, "0");
    const outcome = this.apply({ kind: "open", nonce });
    // A repeated OPEN makes another session, which nobody uses: the client goes on in the one it has.
    const hasOne = this.#sessions.has(name) && !this.#expired.has(name);
    if (outcome.kind === "opened" && !hasOne) {
      this.#sessions.set(name, outcome.session);
      this.#expired.delete(name);
    }
    return gives(spell(outcome));
  }

  /** The time to live passes, and half way through all other sessions are used once more, without executing anything. */
  expire(name: string): Given {
    const known = this.#sessions.has(name) && !this.#expired.has(name);
    if (!known) return { outputs: ["SESSION_UNKNOWN"], also: [["ok"], []] };
    this.#timeMs += TTL_MS / 2;
    for (const [other, session] of this.#sessions) {
      if (other === name || this.#expired.has(other)) continue;
      // Far above any floor: looked at, and neither executed nor answered.
      this.apply({
        kind: "command",
        ticket: { session, sequence: Number.MAX_SAFE_INTEGER, floor: 0 },
        body: encode(0),
      });
    }
    this.#timeMs += TTL_MS / 2;
    this.#applyAll([]);
    this.#expired.add(name);
    return { outputs: ["ok"], also: [[]] };
  }
}
