import type { Ballot, NodeId } from "@synod/interface";
import type { Message } from "@synod/multipaxos";

/** One message as the replica saw it that sent or got it. */
export interface WireEvent {
  /** Wall clock, milliseconds, with fractions. */
  readonly atMs: number;
  readonly kind: "send" | "deliver" | "drop";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: string;
}

/** What passed between this replica and another since the last report. */
export interface LinkCount {
  readonly peer: NodeId;
  readonly sent: number;
  readonly received: number;
  /** From a heartbeat to its answer; null: none was answered. */
  readonly roundTripMs: number | null;
}

interface Kept {
  readonly atMs: number;
  readonly kind: WireEvent["kind"];
  readonly peer: NodeId;
  readonly message: Message;
}

type Count = { -readonly [K in keyof LinkCount]: LinkCount[K] };

/** Who keeps fewer has forgotten none. */
export const KEPT_MAX = 400;

/** Watches the messages of one replica: keeps the last ones, counts them, and takes the time of heartbeats. */
export class Wire {
  readonly #id: NodeId;
  readonly #now: () => number;
  readonly #asked = new Map<NodeId, { readonly round: number; readonly atMs: number }>();
  readonly #counts = new Map<NodeId, Count>();
  #cut: ReadonlySet<NodeId> = new Set();
  #kept: Kept[] = [];

  constructor(id: NodeId, now: () => number = () => performance.timeOrigin + performance.now()) {
    this.#id = id;
    this.#now = now;
  }

  /** Replaces the earlier set. */
  cut(peers: readonly NodeId[]): void {
    this.#cut = new Set(peers);
  }

  said(to: readonly NodeId[], message: Message): void {
    const atMs = this.#now();
    for (const peer of to) {
      this.#countOf(peer).sent++;
      if (message.kind === "beat") this.#asked.set(peer, { round: message.round, atMs });
      this.#keep({ atMs, kind: this.#cut.has(peer) ? "drop" : "send", peer, message });
    }
  }

  heard(from: NodeId, message: Message): void {
    const atMs = this.#now();
    const count = this.#countOf(from);
    count.received++;
    const asked = this.#asked.get(from);
    if (message.kind === "beatReply" && asked?.round === message.round) count.roundTripMs = atMs - asked.atMs;
    this.#keep({ atMs, kind: "deliver", peer: from, message });
  }

  /** The last messages but heartbeats, oldest first. */
  recent(): WireEvent[] {
    return this.#kept.map(({ atMs, kind, peer, message }) => {
      const [from, to] = kind === "deliver" ? [peer, this.#id] : [this.#id, peer];
      return { atMs, kind, from, to, message: messageText(message) };
    });
  }

  /** What came since the last call. */
  take(): LinkCount[] {
    const taken = [...this.#counts.values()];
    this.#counts.clear();
    return taken;
  }

  #countOf(peer: NodeId): Count {
    const count = this.#counts.get(peer) ?? { peer, sent: 0, received: 0, roundTripMs: null };
    this.#counts.set(peer, count);
    return count;
  }

  #keep(one: Kept): void {
    if (one.message.kind === "beat" || one.message.kind === "beatReply") return;
    this.#kept.push(one);
    // Not one by one: it would move all others for each message.
    if (this.#kept.length >= 2 * KEPT_MAX) this.#kept = this.#kept.slice(-KEPT_MAX);
  }
}

const ballotText = (ballot: Ballot | null): string => (ballot === null ? "nothing" : `${ballot.round}.${ballot.node}`);
const range = (first: number, last: number): string => (first === last ? `#${first}` : `#${first} to #${last}`);

/** As short as it may be: what it is, its round, its slots. */
function messageText(message: Message): string {
  const ballot = "ballot" in message ? message.ballot : null;
  const head = ballot === null ? message.kind : `${message.kind} ${ballotText(ballot)}`;
  switch (message.kind) {
    case "prepare":
      return `${head} from #${message.fromSlot}`;
    case "promise":
      return `${head}, ${message.votes.length} ${message.votes.length === 1 ? "vote" : "votes"}`;
    case "accept":
      return `${head} ${range(message.firstSlot, message.firstSlot + message.values.length - 1)}`;
    case "accepted":
      return `${head} ${message.slots.map(([first, last]) => range(first, last)).join(", ")}`;
    case "reject":
      return `${head}, promised ${ballotText(message.promised)}`;
    case "commit":
      return `${head} up to #${message.chosenUpTo}`;
    case "learn":
      return message.values.length === 0
        ? head
        : `${head} ${range(message.firstSlot, message.firstSlot + message.values.length - 1)}`;
    default:
      return head;
  }
}
