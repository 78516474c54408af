import type { Socket } from "node:net";
import { type Incarnation, type Lane, SynodError } from "@synod/interface";
import { Connection, wireFrame } from "./connection.js";
import { decodeHello, encodeHello, FrameType } from "./hello.js";
import type { Hub } from "./hub.js";
import { judgeHello } from "./judge.js";

const NOTHING = new Uint8Array();
/** While bytes keep arriving the sender gets a sign of life this often, since its pings may wait behind them. */
const SIGNS_PER_TIMEOUT = 5;

export interface IncomingEvents {
  /** The handshake is done. */
  arrived(incoming: Incoming): void;
  closed(incoming: Incoming): void;
}

/** A connection that a peer dialled: used for receiving only. */
export class Incoming {
  readonly #hub: Hub;
  readonly #events: IncomingEvents;
  readonly #connection: Connection;
  readonly #cancelHandshake: () => void;
  readonly #remote: string;
  #lastHeardMs: number;
  #lastSignMs = 0;
  peer: Incarnation | null = null;
  lane: Lane = "control";

  constructor(socket: Socket, hub: Hub, events: IncomingEvents) {
    this.#hub = hub;
    this.#events = events;
    this.#remote = `${socket.remoteAddress ?? "unknown"}`;
    this.#lastHeardMs = hub.nowMs;
    this.#connection = new Connection(socket, {
      frame: (type, payload) => this.#frame(type, payload),
      heard: () => this.#heard(),
      closed: (cause) => this.#closed(cause),
    });
    const { clock, handshakeTimeoutMs } = hub.settings;
    this.#cancelHandshake = clock.timer(handshakeTimeoutMs, () => {
      this.#connection.close(new SynodError("PeerRefused", "no handshake in time"));
    });
  }

  get gone(): Promise<void> {
    return this.#connection.gone;
  }

  close(): void {
    this.#connection.close();
  }

  /** Once in a while: a sender that is gone without a word. */
  sweep(nowMs: number): void {
    if (nowMs - this.#lastHeardMs > 2 * this.#hub.settings.idleTimeoutMs) this.#connection.close();
  }

  #frame(type: number, payload: Uint8Array): void {
    if (this.peer === null) {
      if (type !== FrameType.hello) throw new SynodError("Malformed", "a connection begins with a hello");
      this.#hello(payload);
      return;
    }
    if (type === FrameType.data) {
      this.#hub.metrics.count("synod_transport_received_frames_total");
      this.#hub.frame(this.peer.nodeId, payload);
    } else if (type === FrameType.ping) this.#sign();
    else throw new SynodError("Malformed", `a frame of type ${type} has no place here`);
  }

  #hello(payload: Uint8Array): void {
    const hub = this.#hub;
    const claim = decodeHello(payload);
    const hello = judgeHello(claim, {
      self: hub.self,
      expected: null,
      isMember: (id) => hub.isMember(id),
      known: (id) => hub.known(id),
    });
    if ("reason" in hello) {
      hub.refusal("version" in claim ? this.#remote : `node ${claim.from.nodeId}`, "this node", hello);
      this.#connection.refuse(hello);
      return;
    }
    this.#cancelHandshake();
    this.peer = hello.from;
    this.lane = hello.lane;
    this.#connection.frameBytesMax = hub.settings.frameBytesMax;
    this.#connection.write(
      wireFrame(FrameType.hello, encodeHello({ lane: hello.lane, from: hub.self, to: hello.from.nodeId })),
    );
    this.#events.arrived(this);
  }

  #heard(): void {
    this.#lastHeardMs = this.#hub.nowMs;
    const signMs = this.#hub.settings.idleTimeoutMs / SIGNS_PER_TIMEOUT;
    if (this.peer !== null && this.#lastHeardMs - this.#lastSignMs >= signMs) this.#sign();
  }

  #sign(): void {
    this.#lastSignMs = this.#hub.nowMs;
    this.#connection.write(wireFrame(FrameType.pong, NOTHING));
  }

  #closed(cause: Error | undefined): void {
    this.#cancelHandshake();
    if (cause instanceof SynodError) {
      this.#hub.refusal(this.peer === null ? this.#remote : `node ${this.peer.nodeId}`, "this node", {
        reason: cause.code,
        text: cause.message,
      });
    }
    this.#events.closed(this);
  }
}
