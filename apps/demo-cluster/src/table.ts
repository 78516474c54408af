import { type Agreement, agreement } from "./agreement.js";
import { plain, type Paint, type Style } from "./paint.js";
import type { ClusterView, ReplicaView } from "./view.js";

/** 12345 as 12,345. Without the locale: the demo speaks English everywhere. */
export function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "1 replica", "3 replicas". */
export const counted = (replicas: number): string => `${replicas} replica${replicas === 1 ? "" : "s"}`;

interface Column {
  readonly title: string;
  readonly width: number;
  readonly right?: boolean;
  readonly text: (replica: ReplicaView, view: ClusterView) => string;
  readonly style?: (replica: ReplicaView, view: ClusterView) => Style;
}

const HASH_STYLES: Readonly<Record<Agreement, Style>> = { same: "green", apart: "dim", different: "red" };

const COLUMNS: readonly Column[] = [
  { title: "", width: 2, right: true, text: ({ id }) => String(id), style: () => "bold" },
  { title: "role", width: 11, text: roleText, style: roleStyle },
  { title: "epoch", width: 5, right: true, text: ({ epoch }) => (epoch === 0 ? "–" : String(epoch)) },
  { title: "ballot", width: 6, right: true, text: ({ ballot }) => ballot || "–" },
  { title: "applied", width: 9, right: true, text: ({ applied }) => grouped(applied) },
  { title: "snapshot", width: 9, right: true, text: ({ snapshot }) => (snapshot === 0 ? "–" : grouped(snapshot)) },
  { title: "cmds/s", width: 6, right: true, text: ({ commandsPerSecond }) => grouped(commandsPerSecond) },
  { title: "hash", width: 8, text: ({ hash }) => hash || "–", style: hashStyle },
  { title: "hears", width: 5, text: hears },
  { title: "process", width: 7, right: true, text: ({ pid }) => (pid === null ? "–" : String(pid)) },
];

const MARKS: Readonly<Record<Exclude<ReplicaView["state"], "running">, string>> = {
  paused: "‖",
  starting: "…",
  stopping: "…",
  killed: "✕",
  failed: "✕",
};

function roleText({ state, role, part }: ReplicaView): string {
  if (state !== "running") return `${MARKS[state]} ${state}`;
  if (part !== "voter") return `○ ${part === "none" ? "no member" : part}`;
  return `${role === "leader" ? "★" : role === "candidate" ? "◐" : "●"} ${role}`;
}

function roleStyle({ state, role, part }: ReplicaView): Style {
  if (state === "killed" || state === "failed") return "red";
  if (state !== "running" || part !== "voter") return "yellow";
  return role === "leader" ? "green" : role === "candidate" ? "yellow" : "blue";
}

function hashStyle(replica: ReplicaView, { replicas }: ClusterView): Style {
  return HASH_STYLES[agreement(replica, replicas)];
}

function hears({ state, heard, id }: ReplicaView, { replicas }: ClusterView): string {
  if (state !== "running" || replicas.length === 1) return "–";
  return replicas
    .filter((other) => other.id !== id)
    .map((other) => (heard.includes(other.id) ? String(other.id) : "·"))
    .join("");
}

const cell = (text: string, { width, right = false }: Column): string =>
  right ? text.padStart(width) : text.padEnd(width);

/** The table of the replicas, with or without colours. */
export function tableLines(view: ClusterView, paint: Paint = plain): string[] {
  const head = COLUMNS.map((column) => paint("dim", cell(column.title, column))).join(" ");
  const rows = view.replicas.map((replica) =>
    COLUMNS.map((column) => {
      const text = cell(column.text(replica, view), column);
      const off = replica.state !== "running" && column.title !== "role" && column.title !== "";
      const style = off ? "dim" : column.style?.(replica, view);
      return style === undefined ? text : paint(style, text);
    }).join(" "),
  );
  return [head, ...rows];
}

/** One line on what the callers see. */
export function throughputLine({ throughput, loadPerSecond }: ClusterView): string {
  const { perSecond, p50Ms, p99Ms } = throughput;
  const times = perSecond === 0 ? "" : `   half within ${p50Ms.toFixed(1)} ms, 99 % within ${p99Ms.toFixed(1)} ms`;
  return `${grouped(perSecond)} acknowledged/s${loadPerSecond === 0 ? "" : ` of ${grouped(loadPerSecond)}`}${times}`;
}

export function linksLine({ cuts }: ClusterView): string {
  return cuts.length === 0 ? "all links up" : `cut: ${cuts.map(([a, b]) => `${a}–${b}`).join(" ")}`;
}

const BARS = " ▁▂▃▄▅▆▇█";

/** The last samples as a row of bars; the highest one fills its cell. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const top = Math.max(...shown, 1);
  const bars = shown.map((value) => BARS[value === 0 ? 0 : Math.max(1, Math.round((value / top) * 8))] ?? " ");
  return bars.join("").padStart(width);
}
