import type { Socket } from "node:net";
import { type Clock, type Codec, type Fields, type Logger, type Metrics, SynodError } from "@synod/interface";
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
  frameHeaderBytes,
  handshakeFrameBytesMax,
  type LeaderHint,
  type Notices,
  proofOf,
  type Reply,
  replyBytes,
  replyKinds,
  requestKinds,
  type Role,
  textsOf,
} from "@synod/client/protocol";
import { Output } from "./output.js";
import { Rate } from "./rate.js";
import { failureOf, type Question, Requests } from "./requests.js";
import type { Admission } from "./tokens.js";
import type { ServedNode, ServerLimits, SnapshotSource, Totals } from "./types.js";

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
  readonly totals: Totals;
  /** All connections together hold more than they may of this: the one that holds most has to go. */
  readonly makeRoom: (of: "answers" | "input") => void;
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
  readonly #output: Output;
  /** As the client calls itself, for the log. */
  #name: { readonly client?: string } = {};
  /** Of a frame that is not whole yet; counted in the totals. */
  #partBytes = 0;
  readonly #rate: Rate;
  #requests: Requests<Query, Answer> | null = null;
  #answerBytesMax = 0;
  /** When the chunk came that is being read. */
  #nowMs: number;
  #lastFrameMs: number;
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
    this.#output = new Output({
      socket,
      limits,
      totals: context.totals,
      clock,
      onOverflow: () => this.dropSlow(),
      onTotal: () => context.makeRoom("answers"),
      // What was not read meanwhile is no sign of idleness.
      onResumed: () => (this.#lastFrameMs = clock.now()),
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

  /** Answers that the client has not taken. */
  get answerBytes(): number {
    return this.#output.heldBytes;
  }

  /** What came of a frame that is not whole yet. */
  get partBytes(): number {
    return this.#partBytes;
  }

  tellLeader(hint: LeaderHint): void {
    if (this.accepted) this.#output.send({ kind: "leader", ...hint });
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
    this.#input.stop();
    this.#socket.destroy();
    this.#end();
  }

  /** Too many strangers came: it was the one that waited longest. */
  dropStranger(): void {
    this.#drop("Flood", "a connection that had not said who it is made room for others", {});
  }

  dropSlow(): void {
    const waitingBytes = this.#output.heldBytes;
    this.#drop("Slow", "a client does not read its answers and is disconnected", { waitingBytes });
  }

  /** It holds most of what is not whole. */
  dropPart(): void {
    const partBytes = this.#partBytes;
    this.#drop("Busy", "a client was disconnected that had begun a long frame: all together had begun too much", {
      partBytes,
    });
  }

  /** Without a word: counted, and logged once. */
  #drop(code: string, message: string, fields: Fields): void {
    if (this.#ended) return;
    const { metrics, notices } = this.#context;
    metrics.count("synod_server_refusals_total", 1, { code });
    notices.warn(this.#remote, message, { remote: this.#remote, ...this.#name, ...fields });
    this.destroy();
  }

  #read(chunk: Uint8Array): void {
    if (this.#ending) return;
    this.#nowMs = this.#context.clock.now();
    this.#countPart(this.#partBytes + chunk.length);
    try {
      this.#input.push(chunk);
    } catch (error) {
      if (!(error instanceof SynodError)) throw error;
      return this.#refuse(error);
    }
    if (this.#context.totals.inputBytes > this.#context.limits.inputBytesTotalMax) this.#context.makeRoom("input");
  }

  #countPart(bytes: number): void {
    this.#context.totals.inputBytes += bytes - this.#partBytes;
    this.#partBytes = bytes;
  }

  #receive(kind: number, bytes: Uint8Array, from: number, to: number): void {
    if (this.#ending) return;
    this.#lastFrameMs = this.#nowMs;
    this.#countPart(this.#partBytes - frameHeaderBytes - (to - from));
    if (this.#requests === null) {
      if (kind !== requestKinds.hello) throw new SynodError("Malformed", "The other side is no Synod client.");
      return this.#greet(bytes.subarray(from, to));
    }
    const request = decodeRequest(kind, bytes, from, to);
    if (request.kind === "ping") this.#output.sendFrame(pongFrame);
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
    this.#output.sendFrame(encodeFrame(replyKinds.welcome, welcome));
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
    this.#output.send(failureOf(question.id, refusal));
  }

  #busy(requests: Requests<Query, Answer>, { kind }: Question, payloadBytes: number): SynodError | null {
    const { limits, totals } = this.#context;
    if (this.#draining) return new SynodError("Closed", "the server is closing: ask another one");
    const busy = (text: string, retryAfterMs: number): SynodError =>
      new SynodError("Busy", text, { details: { retryAfterMs } });
    const waitMs = this.#rate.take(this.#nowMs);
    if (waitMs > 0) return busy("more requests a second than this server takes of one connection", waitMs);
    if (totals.inputBytes + payloadBytes > limits.inputBytesTotalMax) return busy("too many open requests here", 1_000);
    if (totals.heldBytes > limits.outputBytesTotalMax)
      return busy("too many answers wait for their clients here", 1_000);
    if (kind === "watch") {
      const fits = requests.watches === 0 || requests.watchBytes + payloadBytes <= limits.requestBytesMax;
      if (requests.watches >= limits.watchesMax || !fits) return busy("too many watches of this connection", 1_000);
      return totals.watches < limits.watchesTotalMax ? null : busy("too many watches here", 1_000);
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
      this.#output.send(failureOf(reply.id, new SynodError(code, text)));
    } else if ((question === "read" || question === "watch") && "id" in reply && this.#output.isFull(length)) {
      // What has had an effect is told whatever waits: `Busy` says that nothing was done.
      const details = { retryAfterMs: fullAgainMs };
      const busy = new SynodError("Busy", "more answers wait for this client than may", { details });
      this.#output.send(failureOf(reply.id, busy));
    } else this.#output.write(reply, texts, length);
    this.#options.onIdle();
  }

  #sendGoodbye({ code, message, details }: SynodError): void {
    const { retryAfterMs } = details;
    const goodbye = { code, message, retryAfterMs: typeof retryAfterMs === "number" ? retryAfterMs : 0 };
    this.#output.sendFrame(encodeFrame(replyKinds.goodbye, encodeGoodbye(goodbye)));
  }

  /** Time and again: is the client still there, and does it read? */
  #look(): void {
    const { clock, limits } = this.#context;
    const nowMs = clock.now();
    if (this.#output.stalledMs(nowMs) > limits.outputStallMs) return this.dropSlow();
    if (!this.#output.paused && nowMs - this.#lastFrameMs > limits.idleTimeoutMs) {
      return this.#refuse(new SynodError("Closed", "Nothing came from the client for too long."));
    }
    const everyMs = Math.min(limits.idleTimeoutMs, limits.outputStallMs) / 4;
    this.#cancelTimer = clock.timer(everyMs, () => this.#look());
  }

  /** Ends the connection and says why: counted, and logged once. */
  #refuse(error: SynodError): void {
    const { metrics, notices } = this.#context;
    metrics.count("synod_server_refusals_total", 1, { code: error.code });
    notices.warn(this.#remote, `a client is refused: ${error.code}`, {
      remote: this.#remote,
      ...this.#name,
      // It may quote the other side.
      reason: cut(error.message),
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
    this.#output.release();
    this.#countPart(0);
    this.#requests?.abortAll("the client is gone");
    this.#options.onEnd();
  }
}
