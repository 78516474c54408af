import type { LinkCount } from "./wire.js";

/** What one replica hears of another, over the last seconds. */
export interface Reach {
  readonly from: number;
  readonly to: number;
  /** From a heartbeat of `to` to the answer of `from`, the last one; null: none was answered yet. */
  readonly roundTripMs: number | null;
  /** Part of what `from` sent that did not arrive, 0 to 1; null: too little was sent to tell. */
  readonly lost: number | null;
  /** For how long nothing has come; null: nothing ever came. */
  readonly silentMs: number | null;
}

interface Link {
  /** A pair for each of the last intervals, the present one last. */
  sent: number[];
  received: number[];
  roundTripMs: number | null;
  heardMs: number | null;
}

/** About three seconds: reports of two replicas are not of the same moment, and so much evens that out. */
const INTERVALS = 12;
const SENT_MIN = 8;

/** From whom to whom messages come, how late, and how many not at all. */
export class ReachTable {
  readonly #links = new Map<string, Link>();

  /** What replica `id` reports. */
  seen(id: number, counts: readonly LinkCount[], nowMs: number): void {
    for (const { peer, sent, received, roundTripMs } of counts) {
      add(this.#link(id, peer).sent, sent);
      const back = this.#link(peer, id);
      add(back.received, received);
      if (received > 0) back.heardMs = nowMs;
      if (roundTripMs !== null) back.roundTripMs = roundTripMs;
    }
  }

  /** Ends the present interval. */
  sample(): void {
    for (const { sent, received } of this.#links.values()) {
      for (const list of [sent, received]) {
        list.push(0);
        if (list.length > INTERVALS) list.shift();
      }
    }
  }

  /** A replica that is no more. */
  forget(id: number): void {
    for (const key of this.#links.keys()) if (key.split(" ").includes(`${id}`)) this.#links.delete(key);
  }

  view(nowMs: number): Reach[] {
    return [...this.#links].map(([key, { sent, received, roundTripMs, heardMs }]) => {
      const [from = 0, to = 0] = key.split(" ").map(Number);
      const [said, came] = [sum(sent), sum(received)];
      const lost = said < SENT_MIN ? null : Math.max(0, 1 - came / said);
      return { from, to, roundTripMs, lost, silentMs: heardMs === null ? null : nowMs - heardMs };
    });
  }

  #link(from: number, to: number): Link {
    const key = `${from} ${to}`;
    const link = this.#links.get(key) ?? { sent: [0], received: [0], roundTripMs: null, heardMs: null };
    this.#links.set(key, link);
    return link;
  }
}

const add = (list: number[], count: number): void => {
  list[list.length - 1] = (list.at(-1) ?? 0) + count;
};

const sum = (list: readonly number[]): number => list.reduce((all, one) => all + one, 0);
