import { type Codec, type SessionTicket, SynodError } from "@synod/interface";
import type { Answer } from "./connection.js";
import type { CallEnd, CallPlan } from "./call.js";
import type { Target } from "./pool.js";
import { proposeHeadBytes, readHeadBytes, type Request } from "./protocol/requests.js";
import type { Ticket } from "./session.js";
import type { Failure } from "./verdicts.js";

/** Where a call has taken a place. */
export interface CallRoom {
  leave(bytes: number): void;
}

/** A command, encoded once; every attempt carries the same bytes with the same ticket. */
export class ProposalPlan<Result> implements CallPlan<Result> {
  readonly kind = "propose";
  readonly to = "leader";
  readonly repeatable = true;
  readonly bytes: number;
  readonly #body: Uint8Array;
  readonly #resultCodec: Codec<Result>;
  readonly #given: SessionTicket | undefined;
  readonly #room: CallRoom;
  /** In the client's own session; null until one is given. */
  ticket: Ticket | null = null;

  constructor(body: Uint8Array, resultCodec: Codec<Result>, given: SessionTicket | undefined, room: CallRoom) {
    this.#body = body;
    this.#resultCodec = resultCodec;
    this.#given = given;
    this.#room = room;
    this.bytes = proposeHeadBytes + body.length;
  }

  request(id: number, deadlineMs: number): Extract<Request, { kind: "propose" }> {
    const ticket = this.#given ?? this.ticket?.current();
    if (ticket === undefined) throw new SynodError("InvariantViolated", "a command was sent without a ticket");
    return { kind: "propose", id, deadlineMs, ticket, body: this.#body };
  }

  read(answer: Exclude<Answer, { kind: "failure" }>): Result {
    if (answer.kind !== "result")
      throw new SynodError("Malformed", "the server answered something else than was asked");
    this.ticket?.used();
    return decodedResult(this.#resultCodec, answer.body);
  }

  final({ error }: Failure): SynodError | null {
    if (error.code === "SessionFull") this.ticket?.refused();
    if (this.ticket === null || (error.code !== "SessionUnknown" && error.code !== "SessionStale")) return null;
    // Never moved to another session: whether a copy was executed in this one is forgotten with it.
    this.ticket.expired();
    const text =
      "the session of this client expired meanwhile; the command may or may not have taken effect: look at the state before you try again";
    return new SynodError("OutcomeUnknown", text, { cause: error });
  }

  conclude({ text, cause, maybe, nobody }: CallEnd): SynodError {
    if (maybe) return new SynodError("OutcomeUnknown", `${text}; the command may or may not take effect`, { cause });
    const why = nobody && cause === null ? new SynodError("NoServer", text) : cause;
    const again =
      this.#given === undefined
        ? "the command was not proposed: it is safe to try again"
        : "this attempt was not proposed: try again with the same ticket";
    return new SynodError("NotProposed", `${text}; ${again}`, { cause: why });
  }

  ended(): void {
    this.ticket?.done();
    this.#room.leave(this.#body.length);
  }
}

/** A read, at any replica. */
export class ReadPlan<A> implements CallPlan<A> {
  readonly kind = "read";
  readonly to: Target;
  readonly repeatable = true;
  readonly bytes: number;
  readonly #query: Uint8Array;
  readonly #via: "leader" | "quorum";
  readonly #answerCodec: Codec<A>;
  readonly #room: CallRoom;

  constructor(query: Uint8Array, via: "leader" | "quorum", answerCodec: Codec<A>, room: CallRoom) {
    this.#query = query;
    // Who asks a quorum does so because the leader is slow or gone.
    this.to = via === "leader" ? "nearLeader" : "any";
    this.#via = via;
    this.#answerCodec = answerCodec;
    this.#room = room;
    this.bytes = readHeadBytes + query.length;
  }

  request(id: number, deadlineMs: number): Extract<Request, { kind: "read" }> {
    return { kind: "read", id, deadlineMs, via: this.#via, query: this.#query };
  }

  read(answer: Exclude<Answer, { kind: "failure" }>): A {
    if (answer.kind !== "result")
      throw new SynodError("Malformed", "the server answered something else than was asked");
    return decodedAnswer(this.#answerCodec, answer.body);
  }

  /** An attempt that was lost before had no effect, either: what a server says for good is how the read ends. */
  final({ error, retry }: Failure): SynodError | null {
    return retry ? null : error;
  }

  conclude({ text, cause, nobody, closed }: CallEnd): SynodError {
    return new SynodError(closed ? "Closed" : nobody ? "NoServer" : "NoLeader", text, { cause });
  }

  ended(): void {
    this.#room.leave(this.#query.length);
  }
}

/** @throws SynodError `InvalidResult`: the command took effect */
function decodedResult<T>(codec: Codec<T>, bytes: Uint8Array): T {
  try {
    return codec.decode(bytes);
  } catch (cause) {
    const text =
      "the command took effect, but the result codec refused its result: have client and nodes the same codecs?";
    throw new SynodError("InvalidResult", text, { cause });
  }
}

/** @throws SynodError `Malformed` */
export function decodedAnswer<T>(codec: Codec<T>, bytes: Uint8Array): T {
  try {
    return codec.decode(bytes);
  } catch (cause) {
    const text = "the answer codec refused the answer: have client and servers the same codecs?";
    throw new SynodError("Malformed", text, { cause });
  }
}
