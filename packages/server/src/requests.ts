import { asText, type Caller, type Codec, type GiveUp, NumberMap, type Service, SynodError } from "@synod/interface";
import {
  type AdminCall,
  decodeAdminCall,
  type Deadlines,
  encodeAdminResult,
  NOWHERE,
  type Reply,
  type Request,
  type Role,
  type Timed,
} from "@synod/client/protocol";
import { endedBy } from "./ended-by.js";
import { Snapshots } from "./snapshots.js";
import { allows } from "./tokens.js";
import type { ServedNode, SnapshotSource, Totals } from "./types.js";

/** A request that has an answer. */
export type Question = Exclude<Request, { readonly kind: "cancel" | "ping" }>;

export interface RequestsOptions<Query, Answer> {
  readonly node: ServedNode<Query, Answer>;
  readonly queryCodec: Codec<Query>;
  readonly answerCodec: Codec<Answer>;
  readonly storage: SnapshotSource | undefined;
  readonly role: Role;
  readonly deadlines: Deadlines;
  /** Counted along. */
  readonly totals: Pick<Totals, "watches" | "inputBytes">;
  readonly now: () => number;
  /** Each open request is answered once, in any order; not after `abortAll`. */
  readonly answer: (reply: Reply, question: Question["kind"]) => void;
  /** An error that is none of ours: a bug of a codec or of the state machine. */
  readonly onBug: (error: unknown) => void;
}

const gone = (): void => {};
const earlierMs = 250;
/** What an open request costs besides its bytes. */
const requestCostBytes = 512;

/** A request without an answer yet. */
class Open implements Timed, Caller<unknown> {
  readonly id: number;
  readonly kind: Question["kind"];
  readonly bytes: number;
  readonly sinceMs: number;
  readonly untilMs: number;
  place = NOWHERE;
  /** Ends the work on it: it is answered with what is known then. */
  giveUp: GiveUp = gone;
  readonly #settle: Settle;

  constructor(question: Question, bytes: number, sinceMs: number, settle: Settle) {
    this.id = question.id;
    this.kind = question.kind;
    this.bytes = bytes;
    this.sinceMs = sinceMs;
    this.untilMs = question.kind === "watch" ? Infinity : sinceMs + question.deadlineMs;
    this.#settle = settle;
  }

  get isWatch(): boolean {
    return this.kind === "watch";
  }

  resolve(value: unknown): void {
    this.#settle.resolve(this, value);
  }

  reject(error: unknown): void {
    this.#settle.reject(this, error);
  }

  expire(): void {
    this.giveUp(new SynodError("NotProposed", "the client's deadline has passed"));
  }
}

interface Settle {
  resolve(open: Open, value: unknown): void;
  reject(open: Open, error: unknown): void;
}

/** What one client has asked and is not answered yet. */
export class Requests<Query, Answer> {
  readonly #options: RequestsOptions<Query, Answer>;
  readonly #open = new NumberMap<Open>();
  readonly #settle: Settle = {
    resolve: (open, value) => this.#resolved(open, value),
    reject: (open, error) => this.#end(open, this.#failure(open, error)),
  };
  readonly #snapshots: Snapshots;
  #watchCount = 0;
  #watchBytes = 0;
  #bytes = 0;

  constructor(options: RequestsOptions<Query, Answer>) {
    this.#options = options;
    this.#snapshots = new Snapshots(options);
  }

  /** Without watches. */
  get count(): number {
    return this.#open.size - this.#watchCount;
  }

  get watches(): number {
    return this.#watchCount;
  }

  /** Of open requests without watches. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of open watches. */
  get watchBytes(): number {
    return this.#watchBytes;
  }

  /** @param by - 1 for one that begins, -1 for one that ended */
  #count({ isWatch, bytes }: Open, by: 1 | -1): void {
    const { totals } = this.#options;
    totals.inputBytes += by * (bytes + requestCostBytes);
    if (!isWatch) {
      this.#bytes += by * bytes;
      return;
    }
    this.#watchBytes += by * bytes;
    this.#watchCount += by;
    totals.watches += by;
  }

  has(id: number): boolean {
    return this.#open.has(id);
  }

  /** Begins with a request; `payloadBytes` is what it counts. */
  begin(question: Question, payloadBytes: number): void {
    const { deadlines, now } = this.#options;
    const open = new Open(question, payloadBytes, now(), this.#settle);
    this.#open.set(open.id, open);
    this.#count(open, 1);
    deadlines.add(open);
    try {
      open.giveUp = this.#work(question, open);
    } catch (error) {
      open.reject(error);
    }
  }

  cancel(id: number): void {
    this.#open.get(id)?.giveUp(new SynodError("NotProposed", "the client gave up"));
  }

  /** Nobody waits for answers any more. */
  abortAll(why: string): void {
    const open = this.#open.values();
    this.#open.clear();
    this.#snapshots.close();
    for (const request of open) {
      this.#count(request, -1);
      this.#options.deadlines.delete(request);
      request.giveUp(new SynodError("Closed", why));
    }
  }

  /** Watches have no end of their own. @param beforeMs - of those that began by then */
  endWatches(why: SynodError, beforeMs: number = Infinity): void {
    for (const request of this.#open.values()) {
      if (request.isWatch && request.sinceMs <= beforeMs) request.giveUp(why);
    }
  }

  #resolved(open: Open, value: unknown): void {
    let reply: Reply;
    try {
      reply = this.#replyOf(open, value);
    } catch (error) {
      return open.reject(error);
    }
    this.#end(open, reply);
  }

  /** What became of a call of `DirectService`; of others `#slow` has made a reply. */
  #replyOf({ id, kind }: Open, value: unknown): Reply {
    if (kind === "propose") return { kind: "result", id, body: value as Uint8Array };
    if (kind === "read") return { kind: "result", id, body: this.#options.answerCodec.encode(value as Answer) };
    return value as Reply;
  }

  #end(open: Open, reply: Reply): void {
    if (this.#open.get(open.id) !== open) return;
    this.#open.delete(open.id);
    this.#count(open, -1);
    this.#options.deadlines.delete(open);
    this.#options.answer(reply, open.kind);
  }

  #failure({ id, kind }: Open, error: unknown): Reply {
    if (error instanceof SynodError) return failureOf(id, error);
    this.#options.onBug(error);
    // What asks has no effect; of what does, nobody knows how far it came.
    const code = kind === "read" || kind === "watch" ? "InvalidArgument" : "OutcomeUnknown";
    return failureOf(id, new SynodError(code, `the request failed: ${asText(error)}`));
  }

  #work(question: Question, open: Open): GiveUp {
    const { node, queryCodec } = this.#options;
    this.#check(question);
    switch (question.kind) {
      case "propose":
        // A copy: one command that waits must not keep the whole chunk that it came in.
        return node.direct.propose(Buffer.from(question.body), question.ticket, open);
      case "read":
        return node.direct.read(queryCodec.decode(question.query), question.via, open);
      case "watch":
      case "openSession":
      case "closeSession":
      case "admin": {
        const abort = new AbortController();
        this.#slow(question, abort.signal).then(
          (reply) => open.resolve(reply),
          (error: unknown) => open.reject(error),
        );
        return (cause) => abort.abort(cause);
      }
    }
  }

  async #slow(question: Exclude<Question, { readonly kind: "propose" | "read" }>, signal: AbortSignal): Promise<Reply> {
    const { node, queryCodec } = this.#options;
    const { id } = question;
    switch (question.kind) {
      case "watch":
        return this.#watch(id, queryCodec.decode(question.query), signal);
      case "openSession": {
        const session = await node.openSession({ signal });
        return { kind: "opened", id, session: session.id, limit: session.limit };
      }
      case "closeSession":
        await node.closeSession(question.session, { signal });
        return { kind: "result", id, body: new Uint8Array(0) };
      case "admin": {
        const result = await this.#admin(decodeAdminCall(question.call), question.deadlineMs, signal);
        return { kind: "result", id, body: encodeAdminResult(result) };
      }
    }
  }

  #check({ kind }: Question): void {
    const wanted = kind === "admin" ? "admin" : kind === "read" || kind === "watch" ? "read" : "write";
    const { role } = this.#options;
    if (allows(role, wanted)) return;
    throw new SynodError("Forbidden", `this takes a token with the role ${wanted}; the client has the role ${role}`);
  }

  async #watch(id: number, query: Query, signal: AbortSignal): Promise<Reply> {
    const { node, queryCodec, answerCodec } = this.#options;
    for await (const { answer, next } of watchOf(node.encoded, query, signal)) {
      const nextBytes = next === null ? null : queryCodec.encode(next);
      return { kind: "watched", id, answer: answerCodec.encode(answer), next: nextBytes };
    }
    const why: unknown = signal.reason;
    throw why instanceof SynodError ? why : new SynodError("Closed", "the watch ended");
  }

  async #admin(call: AdminCall, deadlineMs: number, signal: AbortSignal): Promise<object> {
    const { node } = this.#options;
    switch (call.op) {
      case "status":
        return node.status();
      case "changeMembership": {
        const { change, expectedEpoch } = call;
        const options = { signal, timeoutMs: sooner(deadlineMs), ...(expectedEpoch === null ? {} : { expectedEpoch }) };
        return node.changeMembership(change, options);
      }
      case "transferLeadership": {
        const { leader } = node.status();
        // Only the leader can hand over; the client knows soon who that is, and asks there.
        if (leader !== null && leader !== node.id) {
          throw new SynodError(
            "NotProposed",
            `node ${node.id} does not lead: node ${leader} does, and has to be asked`,
          );
        }
        const to = call.to === null ? {} : { to: call.to };
        const handing = node.transferLeadership({ ...to, timeoutMs: sooner(deadlineMs) });
        return { leader: await endedBy(signal, handing).catch(goesOn(signal)) };
      }
      case "snapshot":
        return endedBy(signal, node.snapshot()).catch(goesOn(signal));
      case "readSnapshot":
        return this.#snapshots.read(call, signal);
    }
  }
}

/** So that the caller hears how it ended, and what was missing. */
const sooner = (deadlineMs: number): number => deadlineMs - Math.min(Math.floor(deadlineMs / 10), earlierMs);

/** What a node does not stop once it has begun. */
const goesOn =
  (signal: AbortSignal) =>
  (cause: unknown): never => {
    if (!signal.aborted) throw cause;
    throw new SynodError("OutcomeUnknown", "nobody waits for it any more, and it goes on: see the status", { cause });
  };

const watchOf = <Query, Answer>(
  service: Service<Uint8Array, Query, Uint8Array, Answer>,
  query: Query,
  signal: AbortSignal,
): ReturnType<typeof service.watch> => service.watch(query, { signal });

export function failureOf(id: number, { code, message, details }: SynodError): Reply {
  const { retryAfterMs } = details;
  const wait = typeof retryAfterMs === "number" && retryAfterMs > 0 ? Math.min(retryAfterMs, 2 ** 31) : 0;
  return { kind: "failure", id, code, message, retryAfterMs: wait };
}
