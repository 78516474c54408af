import uPlot from "uplot";
import type { FeedLine, Sample } from "../view.js";

const HEIGHT = 240;
const SECONDS = 60;
const SAMPLES_MAX = 600;

interface Mark {
  readonly at: number;
  readonly kind: "bad" | "leader";
}

/** Throughput over the last minute, with a line for each loss and each new leader. */
export class Chart {
  readonly #parent: HTMLElement;
  readonly #times: number[] = [];
  readonly #values: number[] = [];
  #marks: Mark[] = [];
  #plot: uPlot;

  constructor(parent: HTMLElement) {
    this.#parent = parent;
    this.#plot = this.#make();
    new ResizeObserver(() => this.#plot.setSize({ width: parent.clientWidth, height: HEIGHT })).observe(parent);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#plot.destroy();
      this.#plot = this.#make();
    });
  }

  /** Begins anew with what the supervisor remembers. */
  reset(samples: readonly Sample[], feed: readonly FeedLine[]): void {
    this.#times.length = 0;
    this.#values.length = 0;
    this.#marks = [];
    for (const line of feed) this.mark(line);
    for (const sample of samples) this.#push(sample);
    this.#draw();
  }

  add(sample: Sample): void {
    this.#push(sample);
    this.#draw();
  }

  mark({ kind, atMs }: FeedLine): void {
    if (kind === "bad" || kind === "leader") this.#marks.push({ at: atMs / 1000, kind });
  }

  #push({ atMs, perSecond }: Sample): void {
    this.#times.push(atMs / 1000);
    this.#values.push(perSecond);
    if (this.#times.length <= SAMPLES_MAX) return;
    this.#times.shift();
    this.#values.shift();
  }

  #draw(): void {
    const last = this.#times.at(-1) ?? Date.now() / 1000;
    this.#marks = this.#marks.filter(({ at }) => at > last - SECONDS);
    this.#plot.batch(() => {
      this.#plot.setData([this.#times, this.#values], false);
      this.#plot.setScale("x", { min: last - SECONDS, max: last });
    });
  }

  #make(): uPlot {
    const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const [line, dim, accent] = [colour("--line"), colour("--dim"), colour("--leader")];
    const axis = {
      stroke: dim,
      grid: { stroke: line, width: 1 },
      ticks: { stroke: line, width: 1 },
      font: "12px system-ui",
    };
    const options: uPlot.Options = {
      width: Math.max(this.#parent.clientWidth, 200),
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: true, auto: false }, y: { range: (_plot, _min, max) => [0, Math.max(100, max * 1.15)] } },
      axes: [
        { ...axis, values: "{HH}:{mm}:{ss}", space: 90 },
        { ...axis, size: 56, values: (_plot, values) => values.map((value) => value.toLocaleString("en")) },
      ],
      series: [{}, { label: "acknowledged/s", stroke: accent, width: 2, fill: `${accent}2b`, points: { show: false } }],
      hooks: {
        draw: [(plot) => this.#drawMarks(plot, { bad: colour("--dead"), leader: colour("--leader") })],
      },
    };
    return new uPlot(options, [this.#times, this.#values], this.#parent);
  }

  #drawMarks(plot: uPlot, colours: Readonly<Record<Mark["kind"], string>>): void {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
    for (const { at, kind } of this.#marks) {
      const x = Math.round(plot.valToPos(at, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.strokeStyle = colours[kind];
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }
}
