import type { FeedLine } from "./view.js";
import { KEPT_MAX, type WireEvent } from "./wire.js";

/** An event of a trace file, as `npm run sim -- --trace FILE` writes them and the playground draws them. */
interface TraceEvent {
  readonly atMs: number;
  readonly kind: WireEvent["kind"] | "world";
  readonly from?: number;
  readonly to?: number;
  readonly message?: string;
  readonly delivery?: number;
  readonly why?: string;
  readonly text?: string;
}

const EVENTS_MAX = 200;

/**
 * The last moments of a cluster as a trace file: what each replica sent and got, put together, and what was done to them.
 * @param kept - of each replica that answers, its last messages
 */
export function liveTrace(kept: readonly (readonly WireEvent[])[], feed: readonly FeedLine[]): string {
  const all = kept.flat().sort((a, b) => a.atMs - b.atMs);
  // Before this, some replica has forgotten what it saw.
  const sinceMs = Math.max(0, ...kept.map((events) => (events.length < KEPT_MAX ? 0 : (events[0]?.atMs ?? 0))));
  const messages = numbered(all.filter(({ atMs }) => atMs >= sinceMs))
    .sort((a, b) => a.atMs - b.atMs)
    .slice(-EVENTS_MAX);
  const firstMs = messages[0]?.atMs ?? feed.at(-1)?.atMs ?? 0;
  const told = feed
    .filter(({ atMs, kind }) => atMs >= firstMs && kind !== "plain")
    .map(({ atMs, text }): TraceEvent => ({ atMs, kind: "world", text }));
  const events = [...messages, ...told]
    .sort((a, b) => a.atMs - b.atMs)
    .map((event) => ({ ...event, atMs: Math.max(0, event.atMs - firstMs) }));
  const nodes = [...new Set(messages.flatMap(({ from = 0, to = 0 }) => [from, to]))].sort((a, b) => a - b);
  return JSON.stringify({ version: 1, report: { nodes, live: true, failure: null }, events });
}

/** Each arrival gets the number of its departure: of several with the same words the first that is left, as links keep the order. */
function numbered(events: readonly WireEvent[]): TraceEvent[] {
  const open = new Map<string, { readonly delivery: number; readonly atMs: number }[]>();
  let last = 0;
  const keyOf = ({ from, to, message }: WireEvent): string => `${from} ${to} ${message}`;
  const departures = events.map((event): TraceEvent => {
    if (event.kind === "drop") return { ...event, why: "the link is cut" };
    if (event.kind !== "send") return event;
    const delivery = ++last;
    open.set(keyOf(event), [...(open.get(keyOf(event)) ?? []), { delivery, atMs: event.atMs }]);
    return { ...event, delivery };
  });
  return departures.map((event, index) => {
    const same = events[index];
    if (event.kind !== "deliver" || same === undefined) return event;
    const departure = open.get(keyOf(same))?.shift();
    // Clocks of two processes may differ by a little: nothing arrives before it has left.
    return departure === undefined
      ? event
      : { ...event, delivery: departure.delivery, atMs: Math.max(event.atMs, departure.atMs + 0.001) };
  });
}
