import type { Incarnation, Lane, Member, NodeId, Transport, TransportHandlers, TransportStart } from "@synod/interface";
import type { Life } from "./process.js";
import type { SeededRandom } from "./random.js";
import type { Timeline } from "./timeline.js";

/** What the links do to frames. */
export interface NetworkOptions {
  /** `[min, max]`. Most frames come early in the range. */
  readonly delayMs: readonly [number, number];
  readonly loss: number;
  readonly duplication: number;
  /** A frame of up to 64 frames ago is delivered once more. */
  readonly replay: number;
}

interface Endpoint {
  readonly life: Life;
  readonly self: Incarnation;
  readonly handlers: TransportHandlers;
  /** Boot ids of the peers that it was told of. */
  readonly up: Map<NodeId, string>;
}

/** What becomes of frames, for the trace and the checks. */
export interface NetworkWatch {
  sent(from: NodeId, to: NodeId, frame: Uint8Array, delivery: number): void;
  delivered(from: NodeId, to: NodeId, frame: Uint8Array, delivery: number): void;
  dropped(from: NodeId, to: NodeId, frame: Uint8Array, why: string): void;
  /** A node sends although it has closed its transport. */
  sentLate(from: NodeId): void;
}

const HISTORY_MAX = 64;
const REPLAY_DELAY_MS = 3_000;

/** Links between all pairs of processes. A link is one direction. */
export class SimulatedNetwork {
  readonly #timeline: Timeline;
  readonly #random: SeededRandom;
  readonly #watch: NetworkWatch;
  readonly #endpoints = new Map<NodeId, Endpoint>();
  readonly #cuts = new Set<string>();
  /** Frames that wait at a clogged link. */
  readonly #clogged = new Map<string, (() => void)[]>();
  readonly #history: { from: NodeId; to: NodeId; frame: Uint8Array }[] = [];
  #deliveries = 0;
  options: NetworkOptions;

  constructor(parts: { timeline: Timeline; random: SeededRandom; watch: NetworkWatch; options: NetworkOptions }) {
    this.#timeline = parts.timeline;
    this.#random = parts.random;
    this.#watch = parts.watch;
    this.options = parts.options;
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  cut(from: NodeId, to: NodeId): void {
    this.#cuts.add(`${from}>${to}`);
    this.#reconnect(from, to, 500);
  }

  /** Frames wait until the link is opened. */
  clog(from: NodeId, to: NodeId): void {
    const link = `${from}>${to}`;
    if (!this.#clogged.has(link)) this.#clogged.set(link, []);
  }

  open(from: NodeId, to: NodeId): void {
    const link = `${from}>${to}`;
    if (this.#cuts.delete(link)) this.#reconnect(from, to, 20);
    const waiting = this.#clogged.get(link);
    this.#clogged.delete(link);
    for (const go of waiting ?? []) go();
  }

  transport(id: NodeId, life: Life): Transport {
    let closed = false;
    const close = async (): Promise<void> => {
      closed = true;
      const endpoint = this.#endpoints.get(id);
      if (endpoint?.life !== life) return;
      this.#leave(id);
      this.#haunt(endpoint);
    };
    return {
      start: async ({ self, handlers }: TransportStart) => {
        life.onCrash.add(() => this.#leave(id));
        this.#endpoints.set(id, { life, self, handlers, up: new Map() });
        for (const other of this.#endpoints.keys()) if (other !== id) this.#reconnect(id, other, 20);
      },
      setMembers: (_members: readonly Member[]) => undefined,
      send: (to: NodeId | readonly NodeId[], frame: Uint8Array, _lane: Lane) => {
        if (closed) this.#watch.sentLate(id);
        if (this.#endpoints.get(id)?.life !== life || !life.alive) return false;
        for (const peer of typeof to === "number" ? [to] : to) this.#send(id, peer, frame);
        return true;
      },
      close,
    };
  }

  /** A transport may tell its last news after it was closed, which it should not do: nothing may come of it. */
  #haunt({ self, handlers, up }: Endpoint): void {
    const old = this.#history.filter(({ to }) => to === self.nodeId);
    this.#timeline.after(this.#random.between(0, 20), () => {
      for (const { from, frame } of old.slice(-3)) handlers.frame(from, frame.slice());
      for (const peer of up.keys()) handlers.peerDown(peer);
    });
  }

  #leave(id: NodeId): void {
    this.#endpoints.delete(id);
    for (const other of this.#endpoints.keys()) this.#reconnect(id, other, 20);
  }

  /** In a while both ends find out whether there is a connection. */
  #reconnect(a: NodeId, b: NodeId, withinMs: number): void {
    // A link that swallows frames need not be noticed at all.
    if (this.isCut(a, b) && this.#random.chance(0.5)) return;
    this.#timeline.after(
      this.#random.between(0, withinMs),
      () => {
        this.#tell(a, b);
        this.#tell(b, a);
      },
      true,
    );
  }

  #tell(id: NodeId, peer: NodeId): void {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined) return;
    const other = this.#endpoints.get(peer);
    const known = endpoint.up.get(peer);
    const { life, handlers } = endpoint;
    if (other === undefined || this.isCut(id, peer) || this.isCut(peer, id)) {
      if (endpoint.up.delete(peer)) life.process.whenAwake(life, () => handlers.peerDown(peer), true);
    } else if (known !== other.self.bootId) {
      endpoint.up.set(peer, other.self.bootId);
      life.process.whenAwake(life, () => handlers.peerUp(other.self), true);
    }
  }

  #send(from: NodeId, to: NodeId, frame: Uint8Array): void {
    const { loss, duplication, replay } = this.options;
    const random = this.#random;
    const delivery = ++this.#deliveries;
    this.#watch.sent(from, to, frame, delivery);
    this.#history.push({ from, to, frame });
    if (this.#history.length > HISTORY_MAX) this.#history.shift();
    if (replay > 0 && random.chance(replay)) {
      const old = random.pick(this.#history);
      this.#carry(old.from, old.to, old.frame, random.between(0, REPLAY_DELAY_MS), ++this.#deliveries);
    }
    if (random.chance(loss)) {
      this.#watch.dropped(from, to, frame, "lost");
      return;
    }
    this.#depart(from, to, frame, delivery);
    if (random.chance(duplication)) this.#depart(from, to, frame, ++this.#deliveries);
  }

  #depart(from: NodeId, to: NodeId, frame: Uint8Array, delivery: number): void {
    if (this.isCut(from, to)) {
      this.#watch.dropped(from, to, frame, "cut");
      return;
    }
    const waiting = this.#clogged.get(`${from}>${to}`);
    const [min, max] = this.options.delayMs;
    const early = this.#random.fraction();
    const go = (): void => this.#carry(from, to, frame, min + (max - min) * early * early * early, delivery);
    if (waiting === undefined) go();
    else waiting.push(go);
  }

  #carry(from: NodeId, to: NodeId, frame: Uint8Array, delayMs: number, delivery: number): void {
    this.#timeline.after(
      delayMs,
      () => {
        const endpoint = this.#endpoints.get(to);
        if (endpoint === undefined) return this.#watch.dropped(from, to, frame, "nobody there");
        if (this.isCut(from, to)) return this.#watch.dropped(from, to, frame, "cut");
        const { life, handlers } = endpoint;
        life.process.whenAwake(
          life,
          () => {
            this.#watch.delivered(from, to, frame, delivery);
            // Each receiver owns its bytes.
            handlers.frame(from, frame.slice());
          },
          true,
        );
      },
      true,
    );
  }
}
