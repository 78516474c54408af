export interface AdmissionOptions {
  /** All calls under way, with what each costs besides its bytes. */
  readonly queueBytesMax: number;
  /** A call that would wait longer than this, as fast as calls end now, is refused. */
  readonly queueWaitMs: number;
  /** `Busy` says this as long as nothing is known about how fast calls end. */
  readonly retryMs: number;
}

/** What a call costs besides its bytes: small commands must not take more memory than they count. */
export const CALL_BYTES: number = 1024;
/** So many calls are taken in whatever their rate: below it a rate says little. */
const CALLS_ALWAYS = 16;
/**
 * Where there were fewer at some time of a round, calls may have come one after the other, each as soon as the one before had ended: they end at the rate
 * at which their callers ask, and the cluster could do any number more at the same time.
 */
const CALLS_RATED: number = CALLS_ALWAYS / 2;
/** Rounds over which the rate is taken, and after which it is forgotten where none of them says anything of it; of those in which something was answered. */
const ROUNDS = 8;
/** A rate seen once fades by half in about a second of ordinary rounds, but for pauses: an election is no lack of capacity. */
const FADE = 0.98;

/**
 * Decides at once whether a call may wait here: by bytes, and by how long it would wait. Queues that only bytes bound hold seconds of
 * work, and then everybody waits for seconds; by time, those who are let in are served soon and the others know at once.
 */
export class Admission {
  readonly #o: AdmissionOptions;
  /** Calls under way by client: a session, or all callers without one. */
  readonly #clients = new Map<string, number>();
  /** Calls that had been answered by the end of each of the last rounds. */
  #rounds: { readonly atMs: number; readonly answered: number }[] = [];
  #calls = 0;
  /** At any time since the last round. */
  #leastCalls = 0;
  #bytes = 0;
  #answered = 0;
  /** Rounds since there was nothing to do. */
  #busyRounds = 0;
  /** By the end of the last round. */
  #answeredBefore = 0;
  /** Rounds since a rate was taken in which calls were answered, and came perhaps one after the other. */
  #lightRounds = 0;
  #callsPerMs = 0;

  constructor(options: AdmissionOptions) {
    this.#o = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Null: it may come in. Else the time after which another attempt makes sense. */
  refusal(client: string, bodyBytes: number): { readonly retryAfterMs: number } | null {
    const { queueBytesMax, queueWaitMs } = this.#o;
    if (this.#bytes + bodyBytes + CALL_BYTES > queueBytesMax) return this.#later();
    if (this.#callsPerMs === 0 || this.#busyRounds < 2) return null;
    const callsMax = Math.max(CALLS_ALWAYS, this.#callsPerMs * queueWaitMs);
    if (this.#calls < callsMax) return null;
    // Those who have less than their part are let in all the same, so that one cannot keep the others out.
    const own = this.#clients.get(client) ?? 0;
    const clients = this.#clients.size + (own === 0 ? 1 : 0);
    return own < callsMax / clients && this.#calls < 2 * callsMax ? null : this.#later();
  }

  /** A tenth of what waits has ended by then. */
  #later(): { readonly retryAfterMs: number } {
    const { retryMs, queueWaitMs } = this.#o;
    if (this.#callsPerMs === 0) return { retryAfterMs: retryMs };
    return { retryAfterMs: Math.max(1, Math.min(Math.ceil(this.#calls / 10 / this.#callsPerMs), queueWaitMs)) };
  }

  began(client: string, bodyBytes: number): void {
    this.#calls++;
    this.#bytes += bodyBytes + CALL_BYTES;
    this.#clients.set(client, (this.#clients.get(client) ?? 0) + 1);
  }

  ended(client: string, bodyBytes: number): void {
    this.#calls--;
    this.#leastCalls = Math.min(this.#leastCalls, this.#calls);
    this.#bytes -= bodyBytes + CALL_BYTES;
    const left = (this.#clients.get(client) ?? 1) - 1;
    if (left === 0) this.#clients.delete(client);
    else this.#clients.set(client, left);
  }

  /** The log gave the answer to a call: calls that are given up tell nothing of how fast the cluster is. */
  answered(): void {
    this.#answered++;
  }

  /** Once per round of the election clock. */
  round(nowMs: number): void {
    const least = this.#leastCalls;
    this.#leastCalls = this.#calls;
    if (this.#calls === 0) {
      this.#busyRounds = 0;
      this.#rounds = [];
      return;
    }
    this.#busyRounds++;
    if (least < CALLS_RATED) this.#light();
    this.#answeredBefore = this.#answered;
    this.#rounds.push({ atMs: nowMs, answered: this.#answered });
    if (this.#rounds.length > ROUNDS + 1) this.#rounds.shift();
    const [first] = this.#rounds;
    if (first === undefined || nowMs <= first.atMs) return;
    const answered = this.#answered - first.answered;
    if (answered === 0) return;
    this.#callsPerMs = Math.max(answered / (nowMs - first.atMs), this.#callsPerMs * FADE);
    this.#lightRounds = 0;
  }

  /** The rate of this round says nothing. Where nothing at all is answered, as while nobody leads, neither does that there are few calls. */
  #light(): void {
    this.#rounds = [];
    if (this.#answered === this.#answeredBefore) return;
    this.#lightRounds++;
    // It may have been slow once, and nothing would show any more that it is not.
    if (this.#lightRounds >= ROUNDS) this.#callsPerMs = 0;
  }
}
