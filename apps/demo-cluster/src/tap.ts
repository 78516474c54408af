import type { Ballot, Codec, NodeId, Transport } from "@synod/interface";
import { type Envelope, type Message, VALUE_NOOP, VALUE_NOOP_RANGE } from "@synod/multipaxos";
import { Wire } from "./wire.js";
import { type Dated, type Moment, noTraffic, type Traffic, type TrafficCounts } from "./moments.js";

/** By kind of message, what it is for; null: too rare to be counted. */
const TRAFFIC_OF: Readonly<Record<Message["kind"], Traffic | null>> = {
  prepare: "phase1",
  promise: "phase1",
  accept: "phase2",
  accepted: "phase2",
  reject: "phase2",
  commit: "learn",
  learn: "learn",
  fetch: "learn",
  snapshotOffer: "learn",
  snapshotAsk: "learn",
  snapshotChunk: "learn",
  forward: "calls",
  forwardReply: "calls",
  confirm: "calls",
  confirmReply: "calls",
  readIndexAsk: "calls",
  readIndexReply: "calls",
  quorumReadAsk: "calls",
  quorumReadReply: "calls",
  beat: "beats",
  beatReply: "beats",
  leaseAsk: null,
  leaseGrant: null,
  leaseRelease: null,
  transferTo: null,
  change: null,
  changeReply: null,
  removed: null,
  stateDigest: null,
};

const MOMENTS_MAX = 100;
const isNoop = (value: Uint8Array): boolean => value[0] === VALUE_NOOP || value[0] === VALUE_NOOP_RANGE;
const same = (a: Ballot | null, b: Ballot | null): boolean => a?.round === b?.round && a?.node === b?.node;
const above = (a: Ballot, b: Ballot | null): boolean =>
  b === null || a.round > b.round || (a.round === b.round && a.node > b.node);

/** Listens in on what one replica says and hears, without touching it. */
export class Tap {
  /** The messages themselves. */
  readonly wire: Wire;
  readonly #id: NodeId;
  readonly #now: () => number;
  readonly #frames = new WeakMap<Uint8Array, Message>();
  readonly #received = new Map<NodeId, Record<Traffic, number>>();
  readonly #heardMs = new Map<NodeId, number>();
  /** Ballot and kind of what each peer asked last, which a Reject answers. */
  readonly #asked = new Map<NodeId, { readonly what: "ACC" | "PREP"; readonly ballot: Ballot }>();
  /** Slots that the promises for the own ballot reported. */
  readonly #reported = new Set<number>();
  #moments: Dated[] = [];
  #own: Ballot | null = null;
  #leader: Ballot | null = null;
  #voted: Ballot | null = null;
  #promised: Ballot | null = null;
  #again: Ballot | null = null;

  constructor(id: NodeId, now: () => number = Date.now) {
    this.#id = id;
    this.#now = now;
    this.wire = new Wire(id);
  }

  codec(inner: Codec<Envelope>): Codec<Envelope> {
    return {
      encode: (envelope) => {
        const frame = inner.encode(envelope);
        this.#frames.set(frame, envelope.message);
        return frame;
      },
      decode: (bytes) => {
        const envelope = inner.decode(bytes);
        if (envelope.from !== this.#id) {
          this.wire.heard(envelope.from, envelope.message);
          this.#hear(envelope.from, envelope.message);
        }
        return envelope;
      },
    };
  }

  transport(inner: Transport): Transport {
    return {
      start: (options) => inner.start(options),
      setMembers: (members) => inner.setMembers(members),
      send: (to, frame, lane) => {
        const message = this.#frames.get(frame);
        const all = typeof to === "number" ? [to] : to;
        if (message !== undefined) {
          this.wire.said(all, message);
          this.#say(all, message);
        }
        return inner.send(to, frame, lane);
      },
      close: () => inner.close(),
    };
  }

  /** What came since the last call. */
  take(): { moments: readonly Dated[]; received: readonly (readonly [number, TrafficCounts])[] } {
    const taken = { moments: this.#moments, received: [...this.#received] };
    this.#moments = [];
    this.#received.clear();
    return taken;
  }

  #add(moment: Moment): void {
    if (this.#moments.length < MOMENTS_MAX) this.#moments.push({ atMs: this.#now(), moment });
  }

  #hear(from: NodeId, message: Message): void {
    this.#heardMs.set(from, this.#now());
    const traffic = TRAFFIC_OF[message.kind];
    if (traffic !== null) {
      const counts = this.#received.get(from) ?? noTraffic();
      counts[traffic]++;
      this.#received.set(from, counts);
    }
    if (message.kind === "prepare") this.#asked.set(from, { what: "PREP", ballot: message.ballot });
    if (message.kind === "accept") {
      this.#asked.set(from, { what: "ACC", ballot: message.ballot });
      if (above(message.ballot, this.#leader)) this.#leader = message.ballot;
    }
    if (message.kind === "promise" && same(message.ballot, this.#own))
      for (const { slot } of message.votes) this.#reported.add(slot);
  }

  #say(to: readonly NodeId[], message: Message): void {
    const [first = 0] = to;
    switch (message.kind) {
      case "prepare":
        return this.#prepares(message.ballot, message.fromSlot);
      case "promise":
        if (same(this.#promised, message.ballot)) return;
        this.#promised = message.ballot;
        return this.#add({ kind: "promises", to: first, ballot: message.ballot, ...reportOf(message.votes) });
      case "reject": {
        const { ballot, promised } = message;
        const what = same(this.#asked.get(first)?.ballot ?? null, ballot) ? this.#asked.get(first)?.what : undefined;
        return this.#add({ kind: "refuses", what: what ?? "PREP", from: first, ballot, promised });
      }
      case "accept":
        return this.#accepts(message);
      case "accepted": {
        const slot = message.slots[0]?.[0];
        if (slot === undefined || same(this.#voted, message.ballot)) return;
        this.#voted = message.ballot;
        return this.#add({ kind: "accepts", to: message.ballot.node, ballot: message.ballot, slot });
      }
      case "fetch":
        return this.#add({ kind: "fetches", from: first, firstSlot: message.firstSlot, lastSlot: message.lastSlot });
      case "snapshotOffer":
        return this.#add({ kind: "offersSnapshot", to: first, slot: message.index });
      case "transferTo":
        return this.#add({ kind: "handsOver", to: first, ballot: message.ballot });
      default:
    }
  }

  #prepares(ballot: Ballot, fromSlot: number): void {
    if (same(this.#own, ballot)) return;
    this.#own = ballot;
    this.#reported.clear();
    const id = this.#leader?.node;
    const lastMs = id === undefined || id === this.#id ? undefined : this.#heardMs.get(id);
    const silent = id === undefined || lastMs === undefined ? null : { id, ms: this.#now() - lastMs };
    this.#add({ kind: "prepares", ballot, fromSlot, silent });
  }

  /** Told only of what a new leader must propose again; everything else is the daily business. */
  #accepts({ ballot, firstSlot, values }: Extract<Message, { kind: "accept" }>): void {
    if (above(ballot, this.#leader)) this.#leader = ballot;
    if (same(this.#again, ballot)) return;
    let [adopted, noops] = [0, 0];
    for (const [index, value] of values.entries()) {
      if (this.#reported.has(firstSlot + index)) adopted++;
      else if (isNoop(value)) noops++;
    }
    if (adopted + noops === 0) return;
    this.#again = ballot;
    const lastSlot = firstSlot + values.length - 1;
    this.#add({ kind: "proposesAgain", ballot, adopted, noops, firstSlot, lastSlot });
  }
}

function reportOf(votes: readonly { readonly ballot: Ballot }[]): { values: number; latest: Ballot | null } {
  let latest: Ballot | null = null;
  for (const { ballot } of votes) if (above(ballot, latest)) latest = ballot;
  return { values: votes.length, latest };
}
