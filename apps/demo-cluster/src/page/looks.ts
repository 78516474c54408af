// How replicas and links look: decided here, drawn elsewhere.
import type { ClusterView, ReplicaView } from "../view.js";
import { roundText } from "../words.js";

/** Sends a command line as if it were typed. */
export type Run = (line: string) => void;

export const grouped = (value: number): string => Math.round(value).toLocaleString("en");

/** Three digits are enough, and all that has room. */
export function timeText(ms: number): string {
  if (ms >= 999.5) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms.toFixed(ms < 99.95 ? 1 : 0)} ms`;
}

export const clock = (atMs: number): string => new Date(atMs).toTimeString().slice(0, 8);

export const isUp = ({ state }: ReplicaView): boolean => state === "running" || state === "paused";

/** One word for what a replica is. */
export function roleOf({ state, role, part }: ReplicaView): string {
  if (state === "killed" || state === "failed") return "down";
  if (state !== "running") return state;
  return part === "voter" ? role : part === "none" ? "no member" : part;
}

export function roundOf(round: { readonly round: number; readonly node: number } | null): string {
  return round === null ? "none yet" : roundText(round);
}

export type LinkState = "up" | "cut" | "silent" | "down";

/** What can be said of the link between two replicas. */
export function linkState(view: ClusterView, a: number, b: number): LinkState {
  if (view.cuts.some(([one, other]) => (one === a && other === b) || (one === b && other === a))) return "cut";
  const [one, other] = [a, b].map((id) => view.replicas.find((replica) => replica.id === id));
  if (one === undefined || other === undefined || one.pid === null || other.pid === null) return "down";
  return one.heard.includes(b) || other.heard.includes(a) ? "up" : "silent";
}

export const rateOf = ({ links }: ClusterView, from: number, to: number): number =>
  links.find(([a, b]) => a === from && b === to)?.[2] ?? 0;

/** What a replica hears of another. */
export interface Heard {
  readonly kind: "itself" | "down" | "cut" | "silent" | "late" | "well";
  readonly text: string;
}

/** Longer without a heartbeat is no accident. */
const SILENT_MS = 1500;
/** Reports of two replicas are not of the same moment: less may be nothing. */
const LOST_MIN = 0.2;

export function heardOf(view: ClusterView, from: number, to: number): Heard {
  if (from === to) return { kind: "itself", text: "–" };
  const [speaker, hearer] = [from, to].map((id) => view.replicas.find((replica) => replica.id === id));
  if (speaker === undefined || hearer === undefined || speaker.pid === null || hearer.pid === null)
    return { kind: "down", text: "down" };
  if (linkState(view, from, to) === "cut") return { kind: "cut", text: "cut" };
  const reach = view.reach.find((one) => one.from === from && one.to === to);
  if (reach === undefined || reach.silentMs === null) return { kind: "silent", text: "nothing yet" };
  if (reach.silentMs > SILENT_MS) return { kind: "silent", text: `silent ${Math.round(reach.silentMs / 1000)} s` };
  const time = reach.roundTripMs === null ? "heard" : timeText(reach.roundTripMs);
  const { lost } = reach;
  if (lost !== null && lost >= LOST_MIN) return { kind: "late", text: `${time}, ${Math.round(lost * 100)} % lost` };
  return { kind: "well", text: time };
}

/** Pairs in which a replica is, that are cut. */
export const cutsOf = ({ cuts }: ClusterView, id: number): readonly (readonly [number, number])[] =>
  cuts.filter((pair) => pair.includes(id));

/** How long ago the last answer came, in milliseconds; null: none is known. */
export function silenceOf(samples: readonly { readonly atMs: number; readonly perSecond: number }[]): number | null {
  const last = samples.filter(({ perSecond }) => perSecond > 0).at(-1);
  return last === undefined ? null : (samples.at(-1)?.atMs ?? last.atMs) - last.atMs;
}

export interface Segment {
  readonly id: number;
  readonly round: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Who believed to lead, from when to when, out of single looks at it. */
export function leaderships(
  samples: readonly { readonly atMs: number; readonly leaders: readonly (readonly [number, number])[] }[],
): Segment[] {
  const done: Segment[] = [];
  let open: Segment[] = [];
  let lastMs = samples[0]?.atMs ?? 0;
  for (const { atMs, leaders } of samples) {
    const kept: Segment[] = [];
    for (const [id, round] of leaders) {
      const before = open.find((segment) => segment.id === id && segment.round === round);
      kept.push({ id, round, fromMs: before?.fromMs ?? lastMs, toMs: atMs });
    }
    done.push(...open.filter(({ id, round }) => !kept.some((one) => one.id === id && one.round === round)));
    open = kept;
    lastMs = atMs;
  }
  return [...done, ...open];
}
