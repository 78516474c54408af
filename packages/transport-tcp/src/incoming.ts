import type { Socket } from "node:net";
import { type Incarnation, type Lane, SynodError } from "@synod/interface";
import type { Context } from "./context.js";
import { FrameInput } from "./frame-input.js";
import { encodeFrame } from "./frames.js";
import {
  decodeHello,
  decodeRefusal,
  encodeHello,
  encodeRefusal,
  type ForeignHello,
  frameKinds,
  handshakeFrameBytesMax,
  type Hello,
  type Refusal,
  type RefusalReason,
  refusedBy,
} from "./hello.js";
import { proofOf } from "./tls.js";
import { endSoon, writeFrame } from "./wire.js";

/** While bytes come in without pings between them, the dialer is told so this often. */
const ackIntervalMs = 100;

/** What is wrong with a member; of the rest somebody else may be the cause, who only claims its id. */
const OF_MEMBERS: ReadonlySet<RefusalReason> = new Set(["store", "stale"]);

const ackFrame = encodeFrame(frameKinds.ack, new Uint8Array(0));

export interface IncomingLinkOptions {
  readonly context: Context;
  readonly socket: Socket;
  /** The handshake is done. */
  onAccepted(link: IncomingLink): void;
  onFrame(from: Incarnation, payload: Uint8Array): void;
  /** The connection is of no more use, whether or not it was ever accepted. */
  onEnd(link: IncomingLink): void;
}

/** A connection that a peer dialed. Frames come in on it; only the handshake and acknowledgements go back. */
export class IncomingLink {
  readonly #options: IncomingLinkOptions;
  readonly #context: Context;
  readonly #socket: Socket;
  readonly #input = new FrameInput(handshakeFrameBytesMax, (kind, bytes, from, to) => {
    this.#receive(kind, bytes, from, to);
  });
  /** Frames of the protocol above in the chunk that is being read. */
  #frames = 0;
  /** The host that dialed. */
  readonly remote: string;
  #cancelTimer: () => void;
  #peer: Incarnation | null = null;
  #lane: Lane | null = null;
  #labels: Readonly<Record<string, string>> = {};
  #lastAckMs = 0;
  #ended = false;

  constructor(options: IncomingLinkOptions) {
    this.#options = options;
    const { context, socket } = options;
    this.#context = context;
    this.#socket = socket;
    this.remote = socket.remoteAddress ?? "unknown";
    context.track(socket);
    socket.setNoDelay(true);
    // A dialer that vanished without a word is found by the kernel; a new connection of it replaces this one anyway.
    socket.setKeepAlive(true, context.settings.idleTimeoutMs);
    this.#cancelTimer = context.clock.timer(context.settings.handshakeTimeoutMs, () => {
      this.#broken(new SynodError("Malformed", "The handshake did not come in time."));
    });
    socket.on("error", () => {});
    socket.on("close", () => this.close());
    socket.on("data", (chunk) => this.#read(chunk));
  }

  /** Who dialed; null before the handshake is done. */
  get peer(): Incarnation | null {
    return this.#peer;
  }

  get lane(): Lane | null {
    return this.#lane;
  }

  close(): void {
    if (this.#ended) return;
    this.#end();
    this.#socket.destroy();
  }

  #end(): void {
    this.#ended = true;
    this.#input.stop();
    this.#cancelTimer();
    this.#options.onEnd(this);
  }

  #read(chunk: Uint8Array): void {
    if (this.#ended) return;
    this.#frames = 0;
    try {
      this.#input.push(chunk);
    } catch (error) {
      if (!(error instanceof SynodError)) throw error;
      this.#broken(error);
      return;
    }
    if (this.#peer === null || this.#ended) return;
    const { metrics, clock } = this.#context;
    metrics.count("synod_transport_received_bytes_total", chunk.length, this.#labels);
    if (this.#frames > 0) metrics.count("synod_transport_received_frames_total", this.#frames, this.#labels);
    if (clock.now() - this.#lastAckMs >= ackIntervalMs) this.#ack();
  }

  #receive(kind: number, bytes: Uint8Array, from: number, to: number): void {
    const peer = this.#peer;
    if (peer && kind === frameKinds.data) {
      this.#frames++;
      return this.#options.onFrame(peer, lasting(bytes, from, to));
    }
    const payload = bytes.subarray(from, to);
    if (peer && kind === frameKinds.ping) return this.#ack();
    if (peer && kind === frameKinds.refusal) return this.#refused(peer, payload);
    if (!peer && kind === frameKinds.hello) return this.#greet(payload);
    throw new SynodError("Malformed", `A frame of kind ${kind} that is out of place.`);
  }

  /** A peer that does not read its acks gets no more of them, so they do not pile up. */
  #ack(): void {
    this.#lastAckMs = this.#context.clock.now();
    if (!this.#socket.writableNeedDrain) writeFrame(this.#socket, ackFrame);
  }

  #greet(payload: Uint8Array): void {
    const context = this.#context;
    const hello = decodeHello(payload);
    const verdict = context.judge(hello, null, proofOf(this.#socket));
    if ("reason" in verdict) return this.#refuse(hello, verdict);
    const { from, lane } = verdict;
    this.#cancelTimer();
    this.#peer = from;
    this.#lane = lane;
    this.#labels = { peer: String(from.nodeId), lane };
    this.#lastAckMs = context.clock.now();
    this.#input.frameBytesMax = context.settings.frameBytesMax;
    const answer = { lane, from: context.self, to: from.nodeId };
    writeFrame(this.#socket, encodeFrame(frameKinds.hello, encodeHello(answer)));
    this.#options.onAccepted(this);
  }

  #refuse(hello: Hello | ForeignHello, refusal: Refusal): void {
    const context = this.#context;
    const [subject, who] =
      "version" in hello
        ? [this.remote, this.remote]
        : [subjectOf(hello, context.self.nodeId), `node ${hello.from.nodeId}`];
    context.metrics.count("synod_transport_refusals_total", 1, { reason: refusal.reason, by: "us" });
    context.notices.warn(subject, `${who} is refused: ${refusal.reason}`, { remote: this.remote, ...refusal });
    if (!("version" in hello) && OF_MEMBERS.has(refusal.reason)) context.refused(hello.from.nodeId, refusal.text);
    writeFrame(this.#socket, encodeFrame(frameKinds.refusal, encodeRefusal(refusal)));
    this.#end();
    endSoon(this.#socket, context);
  }

  #refused({ nodeId: peer }: Incarnation, payload: Uint8Array): void {
    const { reason, text } = decodeRefusal(payload);
    const context = this.#context;
    const { metrics, notices } = context;
    metrics.count("synod_transport_refusals_total", 1, { reason, by: "peer" });
    context.refused(peer, refusedBy(text));
    notices.warn(peer, `node ${peer} refuses this node: ${reason}`, { peer, reason, text });
    this.close();
  }

  /** Nothing after damaged bytes can be trusted to be a frame, so the connection goes; the dialer makes a new one. */
  #broken(error: SynodError): void {
    const { metrics, notices } = this.#context;
    const subject = this.#peer?.nodeId ?? this.remote;
    const who = this.#peer ? `node ${subject}` : subject;
    metrics.count("synod_transport_broken_connections_total", 1, { code: error.code });
    notices.warn(subject, `connection from ${who} is dropped: ${error.message}`, {
      remote: this.remote,
      code: error.code,
    });
    this.close();
  }
}

/** Who looks for another node at this address may be well all the same, and goes on looking: that is told once. */
const subjectOf = ({ from, to }: Hello, self: number): string =>
  to === self ? String(from.nodeId) : `${from.nodeId} looks for ${to}`;

/** Bytes of which parts may be kept for long: a copy, unless they are most of what would be kept in memory with them. */
function lasting(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const length = to - from;
  if (bytes.buffer.byteLength <= 2 * length) return new Uint8Array(bytes.buffer, bytes.byteOffset + from, length);
  const copy = new Uint8Array(length);
  copy.set(bytes.subarray(from, to));
  return copy;
}
