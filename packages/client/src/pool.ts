import type { NodeId, SynodError } from "@synod/interface";
import type { Address } from "@synod/transport-tcp/framing";
import type { Connection } from "./connection.js";
import type { Context } from "./context.js";
import { Link } from "./link.js";
import type { LeaderHint } from "./protocol/replies.js";
import type { Request } from "./protocol/requests.js";

/**
 * Where something is best sent: to the leader's server if it is connected; there as long as this client has not much open there, which spares
 * a hop; anywhere; only to the server of this address.
 */
export type Target = "leader" | "nearLeader" | "any" | { readonly server: string };

/** Requests of this client at the leader's server from which on reads are spread over all servers. */
const nearLeaderMax = 256;

/** Something that wants to be sent. */
export interface Sendable {
  readonly kind: Request["kind"];
  readonly bytes: number;
  readonly to: Target;
  readonly prefer: Connection | null;
  /** Where the last attempt failed: only if there is no other. */
  readonly avoid: Connection | null;
  sendOn(connection: Connection): void;
}

export interface PoolEvents {
  ready(link: Link): void;
  down(link: Link, error: SynodError, wasReady: boolean): void;
  leader(leader: NodeId | null): void;
}

/** The links to all servers, and what waits for one of them. */
export class Pool {
  readonly links: readonly Link[];
  readonly #events: PoolEvents;
  /** Each in the order of coming; what waits in one does not hold up another. */
  readonly #waiting = { requests: new Set<Sendable>(), watches: new Set<Sendable>(), named: new Set<Sendable>() };
  #hint: LeaderHint = { leader: null, round: 0 };
  #turn = 0;

  constructor(context: Context, addresses: readonly Address[], events: PoolEvents) {
    this.#events = events;
    this.links = addresses.map((address) => {
      const link: Link = new Link({
        context,
        address,
        onReady: () => {
          events.ready(link);
          this.#pump();
        },
        onRoom: () => this.#pump(),
        onLeader: (hint) => this.#learn(hint, link.connection?.welcome?.nodeId ?? null),
        onDown: (_, error, wasReady) => events.down(link, error, wasReady),
      });
      return link;
    });
  }

  get leader(): NodeId | null {
    return this.#hint.leader;
  }

  /** Servers that take requests. */
  get readyCount(): number {
    return this.links.filter(({ connection }) => connection?.ready === true).length;
  }

  /** Why nobody is connected, for people. */
  describe(): string {
    return this.links
      .map(({ address, failure }) => `${address}: ${failure === null ? "not connected yet" : failure.message}`)
      .join("; ");
  }

  /** Which servers are not connected, and why; empty if all are. */
  describeDown(): string {
    const down = this.links.filter(({ connection }) => connection?.ready !== true);
    const texts = down.map(({ address, failure }) => `${address}: ${failure?.message ?? "not yet"}`);
    return texts.length === 0 ? "" : `not connected: ${texts.join("; ")}`;
  }

  dial(): void {
    for (const link of this.links) link.dial();
  }

  /** What waits by now is not sent any more, whoever makes room. */
  dropWaiting(): void {
    for (const lane of Object.values(this.#waiting)) lane.clear();
  }

  close(error: SynodError): void {
    this.dropWaiting();
    for (const link of this.links) link.close(error);
  }

  /** Sends it now, or as soon as a server takes it; in the order in which they came. */
  submit(sendable: Sendable): void {
    const lane = this.#laneOf(sendable);
    const connection = lane.size === 0 ? this.#pick(sendable) : null;
    if (connection !== null) return sendable.sendOn(connection);
    lane.add(sendable);
    this.#pumpLane(lane);
  }

  withdraw(sendable: Sendable): void {
    const lane = this.#laneOf(sendable);
    // It may have been too large for the room that there is, and others behind it are not.
    if (lane.delete(sendable)) this.#pumpLane(lane);
  }

  #laneOf({ kind, to }: Sendable): Set<Sendable> {
    if (typeof to === "object") return this.#waiting.named;
    return kind === "watch" ? this.#waiting.watches : this.#waiting.requests;
  }

  #learn(hint: LeaderHint, from: NodeId | null): void {
    // Whoever gave the leadership up follows no ballot any more, and has no round to tell of.
    const isOver = hint.leader === null && from !== null && from === this.#hint.leader;
    // A server that is cut off goes on believing in a leader of old.
    if (hint.round < this.#hint.round && !isOver) return;
    const changed = hint.leader !== this.#hint.leader;
    // One that stands for election in vain has a high round, which must not hide the leader that the others follow.
    this.#hint = hint.leader === null ? { leader: null, round: this.#hint.round } : hint;
    if (changed) this.#events.leader(hint.leader);
  }

  #pump(): void {
    const { requests, watches, named } = this.#waiting;
    this.#pumpLane(requests);
    this.#pumpLane(watches);
    this.#pumpLane(named);
  }

  #pumpLane(lane: Set<Sendable>): void {
    if (lane.size === 0) return;
    for (const sendable of lane) {
      const connection = this.#pick(sendable);
      if (connection !== null) {
        lane.delete(sendable);
        sendable.sendOn(connection);
      } else if (lane !== this.#waiting.named) return;
    }
  }

  #pick({ kind, bytes, to, prefer, avoid }: Sendable): Connection | null {
    let best: Connection | null = null;
    let bestScore = -1;
    const { length } = this.links;
    const from = this.#turn++ % length;
    for (let i = 0; i < length; i++) {
      const link = this.links[(from + i) % length];
      const connection = link?.connection ?? null;
      if (connection === null || !connection.hasRoom(kind, bytes)) continue;
      if (typeof to === "object" && to.server !== link?.address) continue;
      const wanted = to === "leader" || (to === "nearLeader" && connection.requests < nearLeaderMax);
      const leads = wanted && connection.welcome?.nodeId === this.#hint.leader;
      const score = (connection === avoid ? 0 : 2) + (leads || connection === prefer ? 1 : 0);
      if (score > bestScore) [best, bestScore] = [connection, score];
    }
    return best;
  }
}
