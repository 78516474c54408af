import { type Codec, type Service, SynodError } from "@synod/interface";
import {
  type AdminCall,
  decodeAdminCall,
  type Deadlines,
  encodeAdminResult,
  type Reply,
  type Request,
  type Role,
  type Timed,
} from "@synod/client/protocol";
import { allows } from "./tokens.js";
import type { ServedNode } from "./types.js";

/** A request that has an answer. */
export type Question = Exclude<Request, { readonly kind: "cancel" | "ping" }>;

export interface RequestsOptions<Query, Answer> {
  readonly node: ServedNode<Query, Answer>;
  readonly queryCodec: Codec<Query>;
  readonly answerCodec: Codec<Answer>;
  readonly role: Role;
  readonly deadlines: Deadlines;
  /** Counted along. */
  readonly totals: { watches: number };
  readonly now: () => number;
  /** Each open request is answered once, in any order; not after `abortAll`. */
  readonly answer: (reply: Reply, question: Question["kind"]) => void;
  /** An error that is none of ours: a bug of a codec or of the state machine. */
  readonly onBug: (error: unknown) => void;
}

interface Open extends Timed {
  readonly bytes: number;
  readonly isWatch: boolean;
  readonly sinceMs: number;
  readonly abort: AbortController;
}

/** What one client has asked and is not answered yet. */
export class Requests<Query, Answer> {
  readonly #options: RequestsOptions<Query, Answer>;
  readonly #open = new Map<number, Open>();
  #watchCount = 0;
  #bytes = 0;

  constructor(options: RequestsOptions<Query, Answer>) {
    this.#options = options;
  }

  /** Without watches. */
  get count(): number {
    return this.#open.size - this.#watchCount;
  }

  get watches(): number {
    return this.#watchCount;
  }

  #countWatches(by: number): void {
    this.#watchCount += by;
    this.#options.totals.watches += by;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(id: number): boolean {
    return this.#open.has(id);
  }

  /** Begins with a request; `payloadBytes` is what it counts. */
  begin(question: Question, payloadBytes: number): void {
    const { deadlines, now } = this.#options;
    const isWatch = question.kind === "watch";
    const nowMs = now();
    const abort = new AbortController();
    const open: Open = {
      bytes: isWatch ? 0 : payloadBytes,
      isWatch,
      sinceMs: nowMs,
      abort,
      untilMs: question.kind === "watch" ? Infinity : nowMs + question.deadlineMs,
      expire: () => abort.abort(new SynodError("NotProposed", "the client's deadline has passed")),
    };
    this.#open.set(question.id, open);
    this.#bytes += open.bytes;
    if (isWatch) this.#countWatches(1);
    deadlines.add(open);
    this.#work(question, abort.signal).then(
      (reply) => this.#end(question, open, reply),
      (error: unknown) => this.#end(question, open, this.#failure(question, error)),
    );
  }

  cancel(id: number): void {
    this.#open.get(id)?.abort.abort(new SynodError("NotProposed", "the client gave up"));
  }

  /** Nobody waits for answers any more. */
  abortAll(why: string): void {
    const open = [...this.#open.values()];
    this.#open.clear();
    this.#countWatches(-this.#watchCount);
    this.#bytes = 0;
    for (const request of open) {
      this.#options.deadlines.delete(request);
      request.abort.abort(new SynodError("Closed", why));
    }
  }

  /** Watches have no end of their own. @param beforeMs - of those that began by then */
  endWatches(why: SynodError, beforeMs: number = Infinity): void {
    for (const { isWatch, sinceMs, abort } of this.#open.values()) {
      if (isWatch && sinceMs <= beforeMs) abort.abort(why);
    }
  }

  #end({ id, kind }: Question, open: Open, reply: Reply): void {
    if (this.#open.get(id) !== open) return;
    this.#open.delete(id);
    this.#bytes -= open.bytes;
    if (open.isWatch) this.#countWatches(-1);
    this.#options.deadlines.delete(open);
    this.#options.answer(reply, kind);
  }

  #failure({ id, kind }: Question, error: unknown): Reply {
    if (error instanceof SynodError) return failureOf(id, error);
    this.#options.onBug(error);
    // What asks has no effect; of what does, nobody knows how far it came.
    const code = kind === "read" || kind === "watch" ? "InvalidArgument" : "OutcomeUnknown";
    return failureOf(id, new SynodError(code, `the request failed: ${String(error)}`));
  }

  async #work(question: Question, signal: AbortSignal): Promise<Reply> {
    const { node, queryCodec, answerCodec } = this.#options;
    const { id } = question;
    this.#check(question);
    switch (question.kind) {
      case "propose": {
        const { body, ticket: session } = question;
        return { kind: "result", id, body: await node.encoded.propose(body, { session, signal }) };
      }
      case "read": {
        const answer = await node.encoded.read(queryCodec.decode(question.query), { signal, via: question.via });
        return { kind: "result", id, body: answerCodec.encode(answer) };
      }
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
        const options = { signal, timeoutMs: deadlineMs, ...(expectedEpoch === null ? {} : { expectedEpoch }) };
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
        return { leader: await node.transferLeadership({ ...to, timeoutMs: deadlineMs }) };
      }
      case "snapshot":
        return node.snapshot();
    }
  }
}

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
