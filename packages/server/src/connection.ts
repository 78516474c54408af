import type { Socket } from "node:net";
import { type Clock, type Codec, type Logger, type Metrics, SynodError } from "@synod/interface";
import {
  cut,
  decodeHello,
  decodeRequest,
  type Deadlines,
  encodeFrame,
  encodeGoodbye,
  encodeReply,
  encodeWelcome,
  FrameInput,
  FrameOutput,
  handshakeFrameBytesMax,
  type LeaderHint,
  type Notices,
  proofOf,
  type Reply,
  replyBytes,
  replyKinds,
  requestKinds,
  type Role,
  type Texts,
  textsOf,
  writeReply,
} from "@synod/client/protocol";
import { Rate } from "./rate.js";
import { failureOf, type Question, Requests } from "./requests.js";
import type { Admission } from "./tokens.js";
import type { ServedNode, ServerLimits, SnapshotSource } from "./types.js";

/** What all connections of one server share. */
export interface ServerContext<Query, Answer> {
  readonly node: ServedNode<Query, Answer>;
  readonly cluster: string;
  readonly queryCodec: Codec<Query>;
  readonly answerCodec: Codec<Answer>;
  readonly storage: SnapshotSource | undefined;
  readonly admission: Admission;
  /** Clients prove by a certificate that the cluster knows them. */
  readonly wantsCertificates: boolean;
  readonly limits: ServerLimits;
  readonly clock: Pick<Clock, "now" | "timer">;
  readonly deadlines: Deadlines;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly notices: Notices;
  readonly leader: () => LeaderHint;
  /** Of all connections. */
  readonly totals: { watches: number; heldBytes: number };
}

export interface ConnectionOptions<Query, Answer> {
  readonly context: ServerContext<Query, Answer>;
  readonly socket: Socket;
  /** Why no client is let in now; null: it may come in. */
  readonly refusal: () => SynodError | null;
  /** The handshake is done. */
  readonly onAccepted: () => void;
  /** A request was answered. */
  readonly onIdle: () => void;
  readonly onEnd: () => void;
}

const smallBytesMax = 1_024;
/** A client with answers in plenty asks again after this. */
const fullAgainMs = 100;

const labels: Record<Question["kind"], Readonly<Record<string, string>>> = {
  propose: { kind: "propose" },
  read: { kind: "read" },
  watch: { kind: "watch" },
  openSession: { kind: "openSession" },
  closeSession: { kind: "closeSession" },
  admin: { kind: "admin" },
};

const pongFrame = encodeFrame(...encodeReply({ kind: "pong" }));

/** One client, from its first byte to its last. */
export class Connection<Query, Answer> {
  readonly #options: ConnectionOptions<Query, Answer>;
  readonly #context: ServerContext<Query, Answer>;
  readonly #socket: Socket;
  readonly #remote: string;
  readonly #input = new FrameInput(handshakeFrameBytesMax, (kind, bytes, from, to) => {
    this.#receive(kind, bytes, from, to);
  });
  readonly #output: FrameOutput;
  /** As the client calls itself, for the log. */
  #name: { readonly client?: string } = {};
  /** What this connection counts in the totals. */
  #heldBytes = 0;
  readonly #rate: Rate;
  #requests: Requests<Query, Answer> | null = null;
  #answerBytesMax = 0;
  /** When the chunk came that is being read. */
  #nowMs: number;
  #lastFrameMs: number;
  #stalledSinceMs = Infinity;
  #paused = false;
  #draining = false;
  #ending = false;
  #ended = false;
  #cancelTimer: () => void;

  constructor(options: ConnectionOptions<Query, Answer>) {
    this.#options = options;
    const { context, socket } = options;
    const { limits, clock } = context;
    this.#context = context;
    this.#socket = socket;
    this.#remote = socket.remoteAddress ?? "unknown";
    this.#nowMs = clock.now();
    this.#lastFrameMs = this.#nowMs;
    this.#rate = new Rate(limits.requestsPerSecondMax, this.#nowMs);
    this.#output = new FrameOutput(socket, {
      // Reads are refused at the limit; the results of commands that were executed have as much again.
      queueBytesMax: 2 * limits.outputBytesMax,
      onWritten: () => this.#written(),
    });
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("close", () => this.#end());
    socket.on("data", (chunk) => this.#read(chunk));
    this.#cancelTimer = clock.timer(limits.handshakeTimeoutMs, () => {
      this.#refuse(new SynodError("Malformed", "The handshake did not come in time."));
    });
  }

  /** The handshake is done. */
  get accepted(): boolean {
    return this.#requests !== null;
  }

  get remote(): string {
    return this.#remote;
  }

  get requests(): number {
    return this.#requests?.count ?? 0;
  }

  get watches(): number {
    return this.#requests?.watches ?? 0;
  }

  tellLeader(hint: LeaderHint): void {
    if (this.accepted && !this.#ending) this.#send({ kind: "leader", ...hint });
  }

  /** Tells the client to go elsewhere; its open requests are answered. */
  drain(why: SynodError): void {
    if (this.#draining) return;
    this.#draining = true;
    if (this.accepted) this.#sendGoodbye(why);
    this.#requests?.endWatches(new SynodError("Closed", "the server is closing"));
  }

  /** Sends watches elsewhere that began by then. */
  endWatches(why: SynodError, beforeMs: number): void {
    this.#requests?.endWatches(why, beforeMs);
  }

  /** Everything that is written has a little time to leave. */
  finish(): void {
    this.#closeSoon();
  }

  destroy(): void {
    this.#socket.destroy();
    this.#end();
  }

  #read(chunk: Uint8Array): void {
    if (this.#ending) return;
    this.#nowMs = this.#context.clock.now();
    try {
      this.#input.push(chunk);
    } catch (error) {
      if (!(error instanceof SynodError)) throw error;
      this.#refuse(error);
    }
  }

  #receive(kind: number, bytes: Uint8Array, from: number, to: number): void {
    this.#lastFrameMs = this.#nowMs;
    if (this.#requests === null) {
      if (kind !== requestKinds.hello) throw new SynodError("Malformed", "The other side is no Synod client.");
      return this.#greet(bytes.subarray(from, to));
    }
    const request = decodeRequest(kind, bytes, from, to);
    if (request.kind === "ping") this.#sendFrame(pongFrame);
    else if (request.kind === "cancel") this.#requests.cancel(request.id);
    else this.#ask(this.#requests, request, to - from);
  }

  #greet(payload: Uint8Array): void {
    const { context } = this.#options;
    const { limits, cluster, node } = context;
    const hello = decodeHello(payload);
    if (hello.name !== null) this.#name = { client: cut(hello.name) };
    const refused = context.wantsCertificates ? (proofOf(this.#socket)?.refused ?? null) : null;
    if (refused !== null) {
      throw new SynodError("CertificateRefused", `The server wants a certificate of the client: ${refused}.`);
    }
    if (hello.cluster !== cluster) {
      const text = `The client is of cluster ${JSON.stringify(hello.cluster)}, the server of cluster ${JSON.stringify(cluster)}.`;
      throw new SynodError("WrongCluster", text);
    }
    const role = context.admission.roleOf(hello.token, proofOf(this.#socket)?.names ?? []);
    const refusal = this.#options.refusal();
    if (refusal !== null) throw refusal;
    this.#accept(role, Math.min(hello.frameBytesMax, limits.outputBytesMax / 2));
    const { requestsMax, requestBytesMax, watchesMax, frameBytesMax, idleTimeoutMs } = limits;
    const welcome = encodeWelcome({
      nodeId: node.id,
      role,
      ...context.leader(),
      limits: { requestsMax, requestBytesMax, watchesMax, frameBytesMax, idleTimeoutMs },
    });
    this.#sendFrame(encodeFrame(replyKinds.welcome, welcome));
    context.logger.debug("a client was let in", { remote: this.#remote, ...this.#name, role });
  }

  #accept(role: Role, answerBytesMax: number): void {
    const { node, queryCodec, answerCodec, storage, limits, deadlines, logger } = this.#context;
    this.#cancelTimer();
    this.#options.onAccepted();
    this.#context.notices.forget(this.#remote);
    this.#input.frameBytesMax = limits.frameBytesMax;
    this.#answerBytesMax = answerBytesMax;
    this.#requests = new Requests({
      node,
      queryCodec,
      answerCodec,
      storage,
      role,
      deadlines,
      totals: this.#context.totals,
      now: () => this.#nowMs,
      answer: (reply, question) => this.#answer(reply, question),
      onBug: (error) => logger.error("a request failed with an error that is none of Synod", { error }),
    });
    this.#look();
  }

  #ask(requests: Requests<Query, Answer>, question: Question, payloadBytes: number): void {
    const { metrics } = this.#context;
    if (requests.has(question.id)) throw new SynodError("Malformed", "A request with the number of one that is open.");
    const refusal = this.#busy(requests, question, payloadBytes);
    metrics.count("synod_server_requests_total", 1, labels[question.kind]);
    if (refusal === null) return requests.begin(question, payloadBytes);
    if (refusal.code === "Busy") metrics.count("synod_server_busy_total", 1);
    this.#send(failureOf(question.id, refusal));
  }

  #busy(requests: Requests<Query, Answer>, { kind }: Question, payloadBytes: number): SynodError | null {
    const { limits } = this.#context;
    if (this.#draining) return new SynodError("Closed", "the server is closing: ask another one");
    const busy = (text: string, retryAfterMs: number): SynodError =>
      new SynodError("Busy", text, { details: { retryAfterMs } });
    const waitMs = this.#rate.take(this.#nowMs);
    if (waitMs > 0) return busy("more requests a second than this server takes of one connection", waitMs);
    if (kind === "watch") {
      if (requests.watches >= limits.watchesMax) return busy("too many watches of this connection", 1_000);
      return this.#context.totals.watches < limits.watchesTotalMax ? null : busy("too many watches here", 1_000);
    }
    const fits = requests.count === 0 || requests.bytes + payloadBytes <= limits.requestBytesMax;
    return requests.count < limits.requestsMax && fits ? null : busy("too many open requests of this connection", 50);
  }

  #answer(reply: Reply, question: Question["kind"]): void {
    const texts = textsOf(reply);
    const length = replyBytes(reply, texts);
    if (length > this.#answerBytesMax && "id" in reply) {
      const text = `the answer has ${length} bytes, more than the ${this.#answerBytesMax} that can be sent: ask for less at once`;
      // A command that was executed has an outcome, even where nobody can be told its result.
      const code = question === "propose" ? "InvalidResult" : "TooLarge";
      this.#send(failureOf(reply.id, new SynodError(code, text)));
    } else if (question !== "propose" && "id" in reply && this.#isFull(length)) {
      const details = { retryAfterMs: fullAgainMs };
      this.#send(
        failureOf(reply.id, new SynodError("Busy", "more answers wait for this client than may", { details })),
      );
    } else this.#write(reply, texts, length);
    this.#options.onIdle();
  }

  /** Many small answers are let through: an open request has room for one. */
  #isFull(payloadBytes: number): boolean {
    const { limits, totals } = this.#context;
    const { outputBytesMax, outputBytesTotalMax } = limits;
    if (payloadBytes <= smallBytesMax) return false;
    if (this.#output.heldBytes + payloadBytes > outputBytesMax) return true;
    return totals.heldBytes + payloadBytes > outputBytesTotalMax;
  }

  #send(reply: Reply): void {
    const texts = textsOf(reply);
    this.#write(reply, texts, replyBytes(reply, texts));
  }

  #write(reply: Reply, texts: Texts, length: number): void {
    if (this.#ending) return;
    const output = this.#output;
    const at = output.reserve(length);
    if (at < 0) return this.#dropSlow();
    writeReply(output.bytes, at, reply, texts);
    output.commit(replyKinds[reply.kind], length);
    this.#waits();
  }

  #sendGoodbye({ code, message, details }: SynodError): void {
    const { retryAfterMs } = details;
    const goodbye = { code, message, retryAfterMs: typeof retryAfterMs === "number" ? retryAfterMs : 0 };
    this.#sendFrame(encodeFrame(replyKinds.goodbye, encodeGoodbye(goodbye)));
  }

  #sendFrame(frame: readonly [Uint8Array, Uint8Array]): void {
    if (this.#ending) return;
    if (!this.#output.send(frame)) return this.#dropSlow();
    this.#waits();
  }

  /** Something waits for the client to take it. */
  #waits(): void {
    this.#count(this.#output.heldBytes);
    if (this.#stalledSinceMs === Infinity) this.#stalledSinceMs = this.#context.clock.now();
    if (this.#output.heldBytes <= this.#context.limits.outputBytesMax / 2 || this.#paused) return;
    // Who does not read answers may not ask more.
    this.#paused = true;
    this.#socket.pause();
  }

  #count(heldBytes: number): void {
    this.#context.totals.heldBytes += heldBytes - this.#heldBytes;
    this.#heldBytes = heldBytes;
  }

  #written(): void {
    const { heldBytes } = this.#output;
    if (!this.#ended) this.#count(heldBytes);
    this.#stalledSinceMs = heldBytes === 0 ? Infinity : this.#context.clock.now();
    if (!this.#paused || heldBytes > this.#context.limits.outputBytesMax / 4) return;
    this.#paused = false;
    // What was not read meanwhile is no sign of idleness.
    this.#lastFrameMs = this.#context.clock.now();
    this.#socket.resume();
  }

  /** Time and again: is the client still there, and does it read? */
  #look(): void {
    const { clock, limits } = this.#context;
    const nowMs = clock.now();
    if (nowMs - this.#stalledSinceMs > limits.outputStallMs) return this.#dropSlow();
    if (!this.#paused && nowMs - this.#lastFrameMs > limits.idleTimeoutMs) {
      return this.#refuse(new SynodError("Closed", "Nothing came from the client for too long."));
    }
    const everyMs = Math.min(limits.idleTimeoutMs, limits.outputStallMs) / 4;
    this.#cancelTimer = clock.timer(everyMs, () => this.#look());
  }

  #dropSlow(): void {
    const { metrics, notices } = this.#context;
    metrics.count("synod_server_refusals_total", 1, { code: "Slow" });
    notices.warn(this.#remote, "a client does not read its answers and is disconnected", {
      remote: this.#remote,
      ...this.#name,
      waitingBytes: this.#output.heldBytes,
    });
    this.destroy();
  }

  /** Ends the connection and says why: counted, and logged once. */
  #refuse(error: SynodError): void {
    const { metrics, notices } = this.#context;
    metrics.count("synod_server_refusals_total", 1, { code: error.code });
    notices.warn(this.#remote, `a client is refused: ${error.code}`, {
      remote: this.#remote,
      ...this.#name,
      reason: error.message,
    });
    this.#sendGoodbye(error);
    this.#closeSoon();
  }

  #closeSoon(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#input.stop();
    this.#requests?.abortAll("the connection ended");
    this.#cancelTimer();
    this.#output.end();
    this.#cancelTimer = this.#context.clock.timer(1_000, () => this.#socket.destroy());
    // To see the end of the other side.
    this.#socket.resume();
  }

  #end(): void {
    this.#ending = true;
    this.#cancelTimer();
    if (this.#ended) return;
    this.#ended = true;
    this.#count(0);
    this.#requests?.abortAll("the client is gone");
    this.#options.onEnd();
  }
}
