import type { Socket } from "node:net";
import { NumberMap, SynodError } from "@synod/interface";
import { type Address, dialSocket, encodeFrame, FrameInput, FrameOutput, proofOf } from "@synod/transport-tcp/framing";
import type { Context } from "./context.js";
import { decodeGoodbye, decodeWelcome, encodeHello, type Goodbye, type Welcome } from "./protocol/handshake.js";
import { handshakeFrameBytesMax, replyKinds, requestKinds } from "./protocol/kinds.js";
import { decodeReply, type LeaderHint, type Reply } from "./protocol/replies.js";
import { type Request, requestBytes, writeRequest } from "./protocol/requests.js";

/** A connection is given up after this many beats in a row without a byte from the server. */
const silentBeatsMax = 3;

/** The answer to one request. */
export type Answer = Extract<Reply, { readonly id: number }>;

/** Who waits for an answer. Exactly one of the two is called, once; neither after `cancel`. */
export interface Waiter {
  readonly kind: Request["kind"];
  /** Payload bytes, as the server counts them. */
  readonly bytes: number;
  answered(answer: Answer): void;
  /** The connection ended before an answer came. */
  lost(error: SynodError): void;
}

export interface ConnectionOptions {
  readonly context: Context;
  readonly address: Address;
  readonly onReady: () => void;
  /** There may be room for another request. */
  readonly onRoom: () => void;
  readonly onLeader: (hint: LeaderHint) => void;
  /** The server takes no new requests: it is going to close. */
  readonly onDraining: () => void;
  /** Once, at the end, however it came. */
  readonly onEnd: (error: SynodError) => void;
}

/** In the place of one that waits no longer. */
class GivenUp implements Waiter {
  readonly kind: Request["kind"];
  readonly bytes: number;

  constructor({ kind, bytes }: Waiter) {
    this.kind = kind;
    this.bytes = bytes;
  }

  answered(): void {}

  lost(): void {}
}

/** One connection to one server, from dialing to its end. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #context: Context;
  readonly #socket: Socket;
  readonly #input = new FrameInput(handshakeFrameBytesMax, (kind, bytes, from, to) => {
    this.#receive(kind, bytes, from, to);
  });
  readonly #open = new NumberMap<Waiter>();
  #output: FrameOutput | null = null;
  #welcome: Welcome | null = null;
  #draining = false;
  #goodbye: Goodbye | null = null;
  #ended = false;
  #lastId = 0;
  #watches = 0;
  #openBytes = 0;
  #heard = false;
  #silentBeats = 0;
  #cancelTimer: () => void;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { context, address } = options;
    this.#context = context;
    const socket = dialSocket(address, context.tls, () => this.#greet());
    this.#socket = socket;
    let failure: Error | null = null;
    socket.on("error", (error) => (failure = error));
    socket.on("close", () => this.#lost(failure));
    socket.on("data", (chunk) => this.#read(chunk));
    this.#cancelTimer = context.clock.timer(context.limits.handshakeTimeoutMs, () => {
      this.#end(new SynodError("NoServer", "the server did not answer in time"));
    });
  }

  /** Null before the handshake is done. */
  get welcome(): Welcome | null {
    return this.#welcome;
  }

  /** Takes requests. */
  get ready(): boolean {
    return this.#welcome !== null && !this.#draining && !this.#ended;
  }

  /** Whether a request of this kind and size would be taken now. */
  hasRoom(kind: Request["kind"], bytes: number): boolean {
    if (!this.ready || this.#welcome === null) return false;
    const { requestsMax, requestBytesMax, watchesMax } = this.#welcome.limits;
    if (kind === "watch") return this.#watches < watchesMax;
    const requests = this.#open.size - this.#watches;
    return requests < requestsMax && (requests === 0 || this.#openBytes + bytes <= requestBytesMax);
  }

  /** Requests without an answer, watches left out. */
  get requests(): number {
    return this.#open.size - this.#watches;
  }

  /** A number for the next request. */
  nextId(): number {
    do this.#lastId = this.#lastId >= 2 ** 32 - 1 ? 1 : this.#lastId + 1;
    while (this.#open.has(this.#lastId));
    return this.#lastId;
  }

  /** Sends a request; only where `hasRoom`. */
  request(request: Exclude<Request, { kind: "cancel" | "ping" }>, waiter: Waiter): void {
    if (request.kind === "watch") this.#watches++;
    else this.#openBytes += waiter.bytes;
    this.#open.set(request.id, waiter);
    this.#send(request);
  }

  /** No answer is told any more, and the server stops working on it. */
  cancel(id: number): void {
    const waiter = this.#open.get(id);
    if (waiter === undefined || waiter instanceof GivenUp) return;
    // It keeps its place until the server has answered, so that what is sent stays bounded.
    this.#open.set(id, new GivenUp(waiter));
    this.#send({ kind: "cancel", id });
  }

  close(error: SynodError): void {
    this.#end(error);
  }

  #send(request: Request): void {
    const output = this.#output;
    if (this.#ended || output === null) return;
    const length = requestBytes(request);
    const at = output.reserve(length);
    if (at < 0) return this.#end(new SynodError("NoServer", "the server does not read what it is sent"));
    writeRequest(output.bytes, at, request);
    output.commit(requestKinds[request.kind], length);
  }

  #greet(): void {
    const { cluster, token, name, limits } = this.#context;
    const proof = proofOf(this.#socket);
    // Before the token is told to anybody.
    if (proof !== null && !(proof.refused === null && proof.isAnyNode(cluster))) {
      const why = proof.refused ?? `it names no node of cluster ${cluster}`;
      return this.#end(new SynodError("CertificateRefused", `the certificate of the server is not accepted: ${why}`));
    }
    const hello = encodeHello({ cluster, token, name, frameBytesMax: limits.frameBytesMax });
    // What is sent is bounded by what may be open.
    const output = new FrameOutput(this.#socket, {
      queueBytesMax: Number.MAX_SAFE_INTEGER,
      // In the middle of something long the server has nothing to answer; but it takes it. The system alone takes what is short, or is taken at once.
      onWritten: (waited) => {
        if (waited && output.heldBytes > 0) this.#heard = true;
      },
    });
    this.#output = output;
    output.send(encodeFrame(requestKinds.hello, hello));
  }

  #read(chunk: Uint8Array): void {
    if (this.#ended) return;
    this.#heard = true;
    try {
      this.#checkPlain(chunk);
      this.#input.push(chunk);
    } catch (error) {
      if (!(error instanceof SynodError)) throw error;
      const isElse = this.#welcome === null && error.code === "Malformed";
      const text = "what answers there is no Synod server: is this the address for clients?";
      this.#end(isElse ? new SynodError("Malformed", text, { cause: error }) : error);
    }
  }

  /** No frame of ours begins like a record of TLS: it would be longer than any may be. */
  #checkPlain(chunk: Uint8Array): void {
    if (this.#welcome !== null || this.#context.tls !== undefined || (chunk[0] !== 0x15 && chunk[0] !== 0x16)) return;
    throw new SynodError("CertificateRefused", "the server speaks TLS: give the client the option `tls`");
  }

  #receive(kind: number, bytes: Uint8Array, from: number, to: number): void {
    if (kind === replyKinds.goodbye) return this.#dismissed(decodeGoodbye(bytes.subarray(from, to)));
    if (this.#welcome === null) {
      if (kind !== replyKinds.welcome) throw new SynodError("Malformed", "the other side is no Synod server");
      return this.#welcomed(decodeWelcome(bytes.subarray(from, to)));
    }
    const reply = decodeReply(kind, bytes, from, to);
    if (reply.kind === "pong") return;
    if (reply.kind === "leader") return this.#options.onLeader(reply);
    const waiter = this.#open.get(reply.id);
    if (waiter === undefined) throw new SynodError("Malformed", "the server answered what was not asked");
    this.#open.delete(reply.id);
    if (waiter.kind === "watch") this.#watches--;
    else this.#openBytes -= waiter.bytes;
    waiter.answered(reply);
    this.#options.onRoom();
  }

  #welcomed(welcome: Welcome): void {
    if (proofOf(this.#socket)?.isNode(this.#context.cluster, welcome.nodeId) === false) {
      const text = `the server says that it is node ${welcome.nodeId}, and its certificate does not`;
      throw new SynodError("CertificateRefused", text);
    }
    this.#welcome = welcome;
    this.#input.frameBytesMax = this.#context.limits.frameBytesMax;
    this.#heard = false;
    this.#cancelTimer();
    this.#cancelTimer = this.#context.clock.timer(this.#beatMs(welcome), () => this.#beat(welcome));
    this.#options.onLeader(welcome);
    if (!this.#ended) this.#options.onReady();
  }

  #dismissed(goodbye: Goodbye): void {
    this.#goodbye = goodbye;
    if (this.#welcome === null) return this.#end(errorOf(goodbye));
    if (this.#draining) return;
    this.#draining = true;
    this.#options.onDraining();
  }

  #beatMs({ limits }: Welcome): number {
    return Math.min(this.#context.limits.idleTimeoutMs, limits.idleTimeoutMs) / (silentBeatsMax + 1);
  }

  /** Counts beats, not milliseconds: after a stall of this process one beat comes, then what the server sent meanwhile. */
  #beat(welcome: Welcome): void {
    this.#silentBeats = this.#heard ? 0 : this.#silentBeats + 1;
    this.#heard = false;
    if (this.#silentBeats >= silentBeatsMax) {
      return this.#end(new SynodError("NoServer", "the server was silent for too long"));
    }
    if (this.#output?.heldBytes === 0) this.#send({ kind: "ping" });
    this.#cancelTimer = this.#context.clock.timer(this.#beatMs(welcome), () => this.#beat(welcome));
  }

  #lost(failure: Error | null): void {
    if (this.#goodbye !== null) return this.#end(errorOf(this.#goodbye));
    if (failure === null) {
      const text =
        this.#welcome === null
          ? "the server closed the connection without an answer: is this the address for clients?"
          : "the server closed the connection";
      return this.#end(new SynodError("NoServer", text));
    }
    // With several addresses behind one name Node.js gives an error without a text.
    const code = (failure as NodeJS.ErrnoException).code ?? failure.name;
    const isTls = code === "EPROTO" || code.startsWith("ERR_SSL") || code.startsWith("ERR_TLS");
    const text = isTls ? tlsText(failure, code) : failure.message || code;
    this.#end(new SynodError(isTls ? "CertificateRefused" : "NoServer", text, { cause: failure }));
  }

  #end(error: SynodError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#input.stop();
    this.#cancelTimer();
    this.#socket.destroy();
    const open = this.#open.values();
    this.#open.clear();
    this.#options.onEnd(error);
    for (const waiter of open) waiter.lost(error);
  }
}

function errorOf({ code, message, retryAfterMs }: Goodbye): SynodError {
  return new SynodError(code, message, retryAfterMs > 0 ? { details: { retryAfterMs } } : {});
}

/** The text of OpenSSL itself names lines of its source; `reason` is what it means. */
function tlsText(failure: Error & { readonly reason?: string }, code: string): string {
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER") return "the other side does not speak TLS";
  return `TLS failed: ${failure.reason ?? failure.message.trim()}`;
}
