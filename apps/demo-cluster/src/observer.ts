import type { Feed } from "./feed.js";
import type { ReplicaEvent, ReplicaStatus } from "./protocol.js";
import type { LogEntry, Moment, Seen } from "./moments.js";
import { ReachTable } from "./reach.js";
import { StateCheck } from "./state-check.js";
import { Story } from "./story.js";
import { TrafficRates } from "./traffic.js";
import type { FeedKind } from "./view.js";

/** What the supervisor sees of the replicas besides their numbers: their story, their messages, their logs, and whether they agree. */
export class Observer {
  readonly story: Story = new Story();
  readonly check: StateCheck = new StateCheck();
  readonly traffic: TrafficRates = new TrafficRates(performance.now());
  readonly reach: ReachTable = new ReachTable();
  readonly #feed: Feed;
  readonly #logs = new Map<number, readonly LogEntry[]>();

  constructor(feed: Feed) {
    this.#feed = feed;
  }

  logOf(id: number): readonly LogEntry[] {
    return this.#logs.get(id) ?? [];
  }

  forget(id: number): void {
    this.#logs.delete(id);
    this.reach.forget(id);
  }

  seen(id: number, { moments, received, links, log }: Seen): void {
    for (const { atMs, moment } of moments) this.story.add(id, moment, atMs);
    for (const [from, counts] of received) this.traffic.add(from, id, counts);
    this.reach.seen(id, links, Date.now());
    this.#logs.set(id, log);
  }

  status(id: number, { applied, chainHash }: ReplicaStatus): void {
    this.check.see(id, applied, chainHash, Date.now());
  }

  event(id: number, event: ReplicaEvent): void {
    const moment = momentOf(event);
    if (moment !== null) this.tell(id, moment);
  }

  /** What somebody did: in the words of the event log, and of the lecture. */
  act(id: number, moment: Moment, kind: FeedKind, text: string): void {
    this.#feed.add(kind, text);
    this.tell(id, moment);
  }

  /** @param id - 0 for the cluster */
  tell(id: number, moment: Moment): void {
    this.story.add(id, moment, Date.now());
  }
}

function momentOf(event: ReplicaEvent): Moment | null {
  switch (event.kind) {
    case "elected":
      return { kind: "leads", ballot: event.ballot };
    case "leadershipEnded":
      return { kind: "stopsLeading", ballot: event.ballot, reason: event.reason };
    case "impaired":
      return { kind: "impaired", cause: event.cause };
    case "snapshotTaken":
      return { kind: "tookSnapshot", slot: event.index };
    case "snapshotInstalled":
      return { kind: "installedSnapshot", slot: event.index };
    default:
      return null;
  }
}
