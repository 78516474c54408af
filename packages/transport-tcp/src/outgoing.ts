import type { Socket } from "node:net";
import { type Incarnation, type Lane, type NodeId, SynodError } from "@synod/interface";
import type { Address } from "./address.js";
import { backoffMs } from "./backoff.js";
import type { Context } from "./context.js";
import { FrameInput } from "./frame-input.js";
import { FrameOutput } from "./frame-output.js";
import { type EncodedFrame, encodeFrame } from "./frames.js";
import {
  decodeHello,
  decodeRefusal,
  encodeHello,
  encodeRefusal,
  frameKinds,
  handshakeFrameBytesMax,
  type Refusal,
  refusedBy,
} from "./hello.js";
import { dialSocket, proofOf } from "./tls.js";
import { endSoon, writeFrame } from "./wire.js";

/** A connection is given up after this many heartbeats in a row without a byte from the peer. */
const silentBeatsMax = 3;

const pingFrame = encodeFrame(frameKinds.ping, new Uint8Array(0));

export interface OutgoingLinkOptions {
  readonly context: Context;
  readonly peer: NodeId;
  readonly address: Address;
  readonly lane: Lane;
  readonly onUp: () => void;
  readonly onDown: () => void;
}

/**
 * The connection that this side dials to one peer for one lane, and dials again for as long as it is open. Frames go out on
 * it; only the handshake and acknowledgements come back. So no side has to give way when both dial at once.
 */
export class OutgoingLink {
  readonly #options: OutgoingLinkOptions;
  readonly #context: Context;
  readonly #labels: Readonly<Record<string, string>>;
  /** The present attempt or connection; events of earlier sockets are ignored. */
  #socket: Socket | null = null;
  #output: FrameOutput | null = null;
  /** Whom it is connected to, once the handshake is done. */
  #incarnation: Incarnation | null = null;
  #cancelTimer: () => void = () => {};
  #address: Address;
  #failures = 0;
  /** Whether a sign of life from the peer may still cut the waiting short; once, until the link was healthy again. */
  #mayHurry = true;
  #heard = false;
  #silentBeats = 0;
  #closed = false;

  constructor(options: OutgoingLinkOptions) {
    this.#options = options;
    this.#context = options.context;
    this.#address = options.address;
    this.#labels = { peer: String(options.peer), lane: options.lane };
  }

  get incarnation(): Incarnation | null {
    return this.#incarnation;
  }

  dial(): void {
    if (this.#closed || this.#socket) return;
    const { context, lane } = this.#options;
    this.#cancelTimer();
    const socket = dialSocket(this.#address, context.tls, () => this.#greet(socket));
    this.#socket = socket;
    this.#output = new FrameOutput(socket, {
      queueBytesMax: context.settings.queueBytesMax[lane],
      onWrite: (bytes) => context.metrics.count("synod_transport_sent_bytes_total", bytes, this.#labels),
    });
    context.track(socket);
    context.metrics.count("synod_transport_dials_total", 1, this.#labels);
    let failure: Error | null = null;
    socket.on("error", (error) => (failure = error));
    socket.on("close", () => {
      if (this.#socket === socket) this.#drop(describe(failure));
    });
    const input: FrameInput = new FrameInput(handshakeFrameBytesMax, (kind, bytes, from, to) => {
      this.#receive(socket, kind, bytes.subarray(from, to));
      if (this.#socket !== socket) input.stop();
    });
    socket.on("data", (chunk) => {
      if (this.#socket === socket) this.#read(input, chunk);
    });
    this.#cancelTimer = context.clock.timer(context.settings.handshakeTimeoutMs, () => this.#drop("no answer in time"));
  }

  #greet(socket: Socket): void {
    if (this.#socket !== socket) return;
    const { context, lane, peer } = this.#options;
    writeFrame(socket, encodeFrame(frameKinds.hello, encodeHello({ lane, from: context.self, to: peer })));
  }

  /** The peer is evidently there: dials now instead of at the end of the waiting time. */
  hurry(isNewIncarnation: boolean): void {
    if (this.#socket || (!this.#mayHurry && !isNewIncarnation)) return;
    this.#mayHurry = false;
    this.dial();
  }

  /** Ends the connection to an incarnation that is gone, and dials at once. */
  restart(reason: string): void {
    this.#failures = 0;
    this.#drop(reason);
    this.dial();
  }

  /** It is dialed there from now on. A connection that stands goes on until it ends: the peer may be at its old address still. */
  moveTo(address: Address): void {
    this.#address = address;
    if (this.#incarnation === null && !this.#closed) this.restart("the peer has another address");
  }

  /** Queues a frame; false if it was dropped. What one turn sends leaves in one write. */
  send(frame: EncodedFrame): boolean {
    if (!this.#incarnation || !this.#output) return this.#dropFrame("down");
    return this.#output.send(frame) || this.#dropFrame("full");
  }

  close(): void {
    this.#closed = true;
    this.#drop("closed");
    this.#cancelTimer();
  }

  #dropFrame(reason: string): false {
    this.#context.metrics.count("synod_transport_dropped_frames_total", 1, { ...this.#labels, reason });
    return false;
  }

  #read(input: FrameInput, chunk: Uint8Array): void {
    this.#heard = true;
    try {
      input.push(chunk);
    } catch (error) {
      if (!(error instanceof SynodError)) throw error;
      const { metrics, notices } = this.#context;
      const { peer } = this.#options;
      metrics.count("synod_transport_broken_connections_total", 1, { code: error.code });
      notices.warn(peer, `connection to node ${peer} is dropped: ${error.message}`, { peer, code: error.code });
      this.#drop(error.message);
    }
  }

  #receive(socket: Socket, kind: number, payload: Uint8Array): void {
    if (kind === frameKinds.refusal) return this.#refused(payload);
    if (this.#incarnation) {
      if (kind !== frameKinds.ack) throw new SynodError("Malformed", `A frame of kind ${kind} in place of an ack.`);
      return;
    }
    if (kind !== frameKinds.hello) throw new SynodError("Malformed", `A frame of kind ${kind} in place of a hello.`);
    const verdict = this.#context.judge(decodeHello(payload), this.#options.peer, proofOf(socket));
    if ("reason" in verdict) return this.#refuse(socket, verdict);
    this.#connected(verdict.from);
  }

  #connected(peer: Incarnation): void {
    const { context, onUp } = this.#options;
    this.#incarnation = peer;
    this.#silentBeats = 0;
    this.#heard = false;
    this.#cancelTimer();
    this.#cancelTimer = context.clock.timer(this.#beatMs(), () => this.#beat());
    context.met(peer);
    // `met` tells handlers of an incarnation that is gone, and they may close everything.
    if (this.#incarnation !== peer) return;
    this.#ping();
    onUp();
  }

  #refused(payload: Uint8Array): void {
    const { reason, text } = decodeRefusal(payload);
    const { context, peer } = this.#options;
    context.metrics.count("synod_transport_refusals_total", 1, { reason, by: "peer" });
    context.notices.warn(peer, `node ${peer} refuses this node: ${reason}`, { peer, reason, text });
    context.refused(peer, refusedBy(text));
    this.#drop(`refused: ${reason}`);
  }

  #refuse(socket: Socket, refusal: Refusal): void {
    const { context, peer } = this.#options;
    context.metrics.count("synod_transport_refusals_total", 1, { reason: refusal.reason, by: "us" });
    context.notices.warn(peer, `node ${peer} is refused: ${refusal.reason}`, { peer, ...refusal });
    context.refused(peer, refusal.text);
    writeFrame(socket, encodeFrame(frameKinds.refusal, encodeRefusal(refusal)));
    this.#socket = null;
    endSoon(socket, context);
    this.#retryLater();
  }

  /** Gives up the present attempt or connection, if there is one, and plans the next. */
  #drop(reason: string): void {
    const socket = this.#socket;
    if (!socket) return;
    const wasUp = this.#incarnation !== null;
    this.#socket = null;
    this.#incarnation = null;
    this.#output = null;
    socket.destroy();
    if (wasUp) this.#context.metrics.count("synod_transport_lost_connections_total", 1, this.#labels);
    this.#context.logger.debug(wasUp ? "connection lost" : "connection attempt failed", { ...this.#labels, reason });
    this.#retryLater();
    if (wasUp) this.#options.onDown();
  }

  #retryLater(): void {
    this.#cancelTimer();
    if (this.#closed) return;
    const { settings, random, clock } = this.#context;
    const { reconnectMinMs: minMs, reconnectMaxMs: maxMs } = settings;
    const delayMs = backoffMs(this.#failures++, { minMs, maxMs, random });
    this.#cancelTimer = clock.timer(delayMs, () => this.dial());
  }

  #beatMs(): number {
    return this.#context.settings.idleTimeoutMs / (silentBeatsMax + 1);
  }

  /** Counts beats, not milliseconds: after a stall of this process one beat comes, then what the peer sent meanwhile. */
  #beat(): void {
    if (this.#heard) this.#healthy();
    this.#silentBeats = this.#heard ? 0 : this.#silentBeats + 1;
    this.#heard = false;
    if (this.#silentBeats >= silentBeatsMax) return this.#drop("silent for too long");
    this.#ping();
    this.#cancelTimer = this.#context.clock.timer(this.#beatMs(), () => this.#beat());
  }

  /** It lived on after the handshake; one that only shakes hands and breaks must go on backing off. */
  #healthy(): void {
    this.#failures = 0;
    this.#mayHurry = true;
    this.#context.notices.forget(this.#options.peer);
  }

  /** With frames under way no ping is needed: they are acknowledged, too. */
  #ping(): void {
    if (this.#output?.heldBytes === 0) this.#output.send(pingFrame);
  }
}

/** With several addresses behind one name Node.js gives an error without a text. */
function describe(error: Error | null): string {
  if (!error) return "closed by the other side";
  return error.message || ((error as NodeJS.ErrnoException).code ?? error.name);
}
