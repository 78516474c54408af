import { connect } from "node:net";
import { type Incarnation, type Lane, type NodeId, SynodError } from "@synod/interface";
import type { Address } from "./address.js";
import { Connection, type WireFrame, wireFrame } from "./connection.js";
import { decodeHello, decodeRefusal, encodeHello, FrameType } from "./hello.js";
import type { Hub } from "./hub.js";
import { judgeHello } from "./judge.js";

const NOTHING = new Uint8Array();
/** A connection that lived this long was healthy: the next loss is met without back-off. */
const HEALTHY_MS = 1_000;

export interface OutgoingEvents {
  up(peer: Incarnation): void;
  down(): void;
}

/**
 * The connection of one lane towards one peer: dialled by this side, used for sending only, and dialled again with back-off for
 * as long as the peer is a member. Each side dials its own, so there is never a question which of two connections to keep.
 */
export class Outgoing {
  readonly #hub: Hub;
  readonly #peer: NodeId;
  readonly #lane: Lane;
  readonly #events: OutgoingEvents;
  readonly #queueBytesMax: number;
  #address: Address;
  #connection: Connection | null = null;
  #ready = false;
  #readyAtMs = 0;
  #lastHeardMs = 0;
  #failures = 0;
  #cancelWait: (() => void) | null = null;
  #cancelHandshake: (() => void) | null = null;
  #stopped = false;

  constructor(options: { hub: Hub; peer: NodeId; lane: Lane; address: Address; events: OutgoingEvents }) {
    this.#hub = options.hub;
    this.#peer = options.peer;
    this.#lane = options.lane;
    this.#address = options.address;
    this.#events = options.events;
    const { queueBytesMax } = options.hub.settings;
    this.#queueBytesMax = options.lane === "bulk" ? queueBytesMax : queueBytesMax / 4;
    this.#dial();
  }

  get isUp(): boolean {
    return this.#ready;
  }

  /** Takes a frame, unless the link is down or the queue is full. */
  send(frame: WireFrame): boolean {
    const connection = this.#connection;
    if (connection === null || !this.#ready || connection.heldBytes + frame.cost > this.#queueBytesMax) return false;
    connection.write(frame);
    return true;
  }

  /** The peer is evidently alive: no need to wait any longer. */
  hurry(): void {
    if (this.#cancelWait === null) return;
    this.#cancelWait();
    this.#cancelWait = null;
    this.#dial();
  }

  /** Starts over, at another address or because the other end is known to be gone. */
  restart(address: Address): void {
    this.#address = address;
    this.#failures = 0;
    if (this.#connection !== null) this.#connection.close();
    this.hurry();
  }

  /** Once in a while: asks for a sign of life, and gives up if there was none. */
  sweep(nowMs: number): void {
    if (!this.#ready || this.#connection === null) return;
    if (nowMs - this.#lastHeardMs > this.#hub.settings.idleTimeoutMs) {
      this.#hub.metrics.count("synod_transport_idle_total");
      this.#connection.close(new Error("nothing was heard"));
      return;
    }
    this.#connection.write(wireFrame(FrameType.ping, NOTHING));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelWait?.();
    this.#cancelHandshake?.();
    const connection = this.#connection;
    connection?.close();
    await connection?.gone;
  }

  #dial(): void {
    const { settings, self } = this.#hub;
    const socket = connect({ host: this.#address.host, port: this.#address.port, noDelay: true });
    const connection = new Connection(socket, {
      frame: (type, payload) => this.#frame(connection, type, payload),
      heard: () => {
        this.#lastHeardMs = this.#hub.nowMs;
      },
      closed: () => this.#closed(connection),
    });
    this.#connection = connection;
    this.#cancelHandshake = settings.clock.timer(settings.handshakeTimeoutMs, () => {
      connection.close(new Error("no handshake in time"));
    });
    connection.write(wireFrame(FrameType.hello, encodeHello({ lane: this.#lane, from: self, to: this.#peer })));
  }

  #frame(connection: Connection, type: number, payload: Uint8Array): void {
    if (type === FrameType.pong && this.#ready) return;
    if (type === FrameType.refusal && !this.#ready) {
      this.#hub.refusal(`node ${this.#peer}`, "the other side", decodeRefusal(payload));
      connection.close();
      return;
    }
    if (type !== FrameType.hello || this.#ready) throw new SynodError("Malformed", `a frame of type ${type} has no place here`);
    const hub = this.#hub;
    const hello = judgeHello(decodeHello(payload), {
      self: hub.self,
      expected: this.#peer,
      isMember: (id) => hub.isMember(id),
      known: (id) => hub.known(id),
    });
    if ("reason" in hello) {
      hub.refusal(`node ${this.#peer}`, "this node", hello);
      connection.close();
      return;
    }
    this.#cancelHandshake?.();
    this.#cancelHandshake = null;
    hub.meet(hello.from);
    this.#ready = true;
    this.#readyAtMs = this.#lastHeardMs = hub.nowMs;
    this.#events.up(hello.from);
  }

  #closed(connection: Connection): void {
    if (this.#connection !== connection) return;
    this.#connection = null;
    this.#cancelHandshake?.();
    this.#cancelHandshake = null;
    const { settings, metrics, nowMs } = this.#hub;
    const wasReady = this.#ready;
    this.#ready = false;
    if (wasReady && nowMs - this.#readyAtMs >= HEALTHY_MS) this.#failures = 0;
    if (wasReady) this.#events.down();
    if (this.#stopped) return;
    metrics.count("synod_transport_reconnects_total");
    const ceilingMs = Math.min(settings.reconnectMaxMs, settings.reconnectMinMs * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 20);
    const delayMs = ceilingMs * (0.5 + settings.random.uint32() / 2 ** 33);
    this.#cancelWait = settings.clock.timer(delayMs, () => {
      this.#cancelWait = null;
      this.#dial();
    });
  }
}
