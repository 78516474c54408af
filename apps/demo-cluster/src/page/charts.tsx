import { Card } from "@synod/ui";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { TRAFFIC, type Traffic } from "../moments.js";
import type { ReplicaView, Sample } from "../view.js";
import { grouped, leaderships, type Segment } from "./looks.js";
import { AXIS, Plot, type PlotData, SECONDS, type Series } from "./plot.js";
import type { Line } from "./store.js";

const SOLID: readonly number[] = [];
const DASHED: readonly number[] = [6, 4];
const DOTTED: readonly number[] = [2, 3];
const MIXED: readonly number[] = [8, 3, 2, 3];

interface ChartProps {
  readonly samples: readonly Sample[];
  readonly lines: readonly Line[];
}

type Marks = Pick<PlotData, "losses" | "leads">;

const marksOf = (lines: readonly Line[]): Marks => ({
  losses: lines
    .filter(({ kind, text }) => kind === "bad" && /^(replica|link|the disk)/.test(text))
    .map(({ atMs }) => atMs / 1000),
  leads: lines.filter(({ kind }) => kind === "leader").map(({ atMs }) => atMs / 1000),
});

/** Throughput, latency and messages over the last minute. */
export function Charts({ samples, lines }: ChartProps): JSX.Element {
  const times = samples.map(({ atMs }) => atMs / 1000);
  const common = { times, ...marksOf(lines) };
  const last = samples.at(-1);
  const quiet = (pick: (sample: Sample) => number) =>
    samples.map((sample) => (sample.perSecond === 0 ? null : pick(sample)));
  return (
    <>
      <Chart
        title="Acknowledged commands a second"
        data={{
          ...common,
          top: 50,
          series: [
            {
              label: "acknowledged",
              dash: SOLID,
              width: 2,
              filled: true,
              values: samples.map(({ perSecond }) => perSecond),
            },
          ],
        }}
        now={[grouped(last?.perSecond ?? 0)]}
      />
      <Chart
        title="Milliseconds until the answer"
        data={{
          ...common,
          top: 5,
          series: [
            { label: "half within", dash: SOLID, width: 2, values: quiet(({ p50Ms }) => p50Ms) },
            { label: "99 % within", dash: DASHED, width: 1.5, values: quiet(({ p99Ms }) => p99Ms) },
          ],
        }}
        now={last === undefined || last.perSecond === 0 ? ["–", "–"] : [last.p50Ms.toFixed(1), last.p99Ms.toFixed(1)]}
      />
      <Chart
        title="Messages between servers, a second"
        data={{ ...common, top: 50, series: TRAFFIC.map((kind) => trafficSeries(kind, samples)) }}
        now={TRAFFIC.map((kind) => grouped(last?.traffic[kind] ?? 0))}
      />
    </>
  );
}

const TRAFFIC_LOOKS: Readonly<Record<Traffic, Pick<Series, "label" | "dash" | "width">>> = {
  phase1: { label: "PREP, PROM", dash: DASHED, width: 2 },
  phase2: { label: "ACC, LRN", dash: SOLID, width: 2 },
  learn: { label: "commits", dash: DOTTED, width: 2 },
  calls: { label: "calls", dash: MIXED, width: 1 },
  beats: { label: "heartbeats", dash: SOLID, width: 0.75 },
};

const trafficSeries = (kind: Traffic, samples: readonly Sample[]): Series => ({
  ...TRAFFIC_LOOKS[kind],
  values: samples.map(({ traffic }) => traffic[kind]),
});

interface OneChart {
  readonly title: string;
  readonly data: PlotData;
  /** The newest value of each series. */
  readonly now: readonly string[];
}

function Chart({ title, data, now }: OneChart): JSX.Element {
  const parent = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  useEffect(() => {
    const place = parent.current;
    if (place === null) return;
    const made = new Plot(place, data);
    plot.current = made;
    const size = new ResizeObserver(() => made.resize());
    size.observe(place);
    const recolour = (): void => made.recolour();
    const theme = new MutationObserver(recolour);
    theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    const machine = matchMedia("(prefers-color-scheme: dark)");
    machine.addEventListener("change", recolour);
    return () => {
      size.disconnect();
      theme.disconnect();
      machine.removeEventListener("change", recolour);
      made.destroy();
    };
    // Made once; what it shows comes by `update`.
  }, []);
  useEffect(() => plot.current?.update(data));
  return (
    <Card title={title} class="chart">
      <ul class="legend">
        {data.series.map(({ label, dash, width }, index) => (
          <li key={label}>
            <svg width="26" height="8" viewBox="0 0 26 8" aria-hidden="true">
              <path d="M0 4H26" stroke="currentColor" stroke-width={width + 0.5} stroke-dasharray={dash.join(" ")} />
            </svg>
            {label} <b>{now[index]}</b>
          </li>
        ))}
      </ul>
      <div ref={parent} role="img" aria-label={`Chart of the last minute: ${title}`} />
    </Card>
  );
}

const lastRound = (shown: readonly Segment[], id: number): string => {
  const last = shown.filter((segment) => segment.id === id).at(-1);
  return last === undefined ? "" : `round ${last.round}`;
};

const ROW = 20;
const WIDTH = 1000;

/** Who believed to lead, and in which round; where two bars stand above each other, two believed it. */
export function LeaderStrip({
  samples,
  replicas,
}: {
  readonly samples: readonly Sample[];
  readonly replicas: readonly ReplicaView[];
}): JSX.Element {
  const lastMs = samples.at(-1)?.atMs ?? 0;
  const startMs = lastMs - SECONDS * 1000;
  const x = (atMs: number): number => (Math.max(atMs - startMs, 0) / (SECONDS * 1000)) * WIDTH;
  const shown = leaderships(samples).filter(({ toMs }) => toMs > startMs);
  return (
    <Card title="Who believed to lead, and in which round" class="strip">
      <div class="lanes" style={{ paddingLeft: `${AXIS}px` }}>
        {replicas.map(({ id }) => (
          <div class="lane" key={id}>
            <span class="who">S{id}</span>
            <svg viewBox={`0 0 ${WIDTH} ${ROW}`} preserveAspectRatio="none" height={ROW} aria-hidden="true">
              {shown
                .filter((segment) => segment.id === id)
                .map(({ round, fromMs, toMs }) => (
                  <rect
                    key={`${round} ${fromMs}`}
                    x={x(fromMs)}
                    y={3}
                    width={Math.max(x(toMs) - x(fromMs), 2)}
                    height={ROW - 6}
                    rx={2}
                  />
                ))}
            </svg>
            <span class="rounds">{lastRound(shown, id)}</span>
          </div>
        ))}
      </div>
    </Card>
  );
}
