import uPlot from "uplot";

export interface Series {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** As the lines of the playground: phase 2 solid, phase 1 dashed, learning dotted. */
  readonly dash: readonly number[];
  readonly width: number;
  /** Filled down to zero. */
  readonly filled?: boolean;
}

export interface PlotData {
  /** Seconds. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  /** Times at which something was lost, and at which somebody began to lead. */
  readonly losses: readonly number[];
  readonly leads: readonly number[];
  /** The vertical axis reaches at least so far. */
  readonly top: number;
}

const HEIGHT = 168;
export const SECONDS = 60;
/** Room for the numbers on the left; what stands below the charts keeps the same. */
export const AXIS = 52;

const rows = ({ times, series }: PlotData): uPlot.AlignedData => [
  [...times],
  ...series.map(({ values }) => [...values]),
];

/** A chart over the last minute. It is made anew when the colours change. */
export class Plot {
  readonly #parent: HTMLElement;
  #data: PlotData;
  #plot: uPlot;

  constructor(parent: HTMLElement, data: PlotData) {
    this.#parent = parent;
    this.#data = data;
    this.#plot = this.#make();
  }

  update(data: PlotData): void {
    this.#data = data;
    const last = data.times.at(-1) ?? Date.now() / 1000;
    this.#plot.batch(() => {
      this.#plot.setData(rows(data), false);
      this.#plot.setScale("x", { min: last - SECONDS, max: last });
    });
  }

  resize(): void {
    this.#plot.setSize({ width: Math.max(this.#parent.clientWidth, 120), height: HEIGHT });
  }

  recolour(): void {
    this.#plot.destroy();
    this.#plot = this.#make();
    this.update(this.#data);
  }

  destroy(): void {
    this.#plot.destroy();
  }

  #make(): uPlot {
    const colour = (name: string): string => resolved(this.#parent, `var(--${name})`);
    const [ink, soft, line, tint] = [colour("ink"), colour("ink-soft"), colour("line"), colour("tint")];
    const font = "12px system-ui, sans-serif";
    const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { show: false }, font };
    const options: uPlot.Options = {
      width: Math.max(this.#parent.clientWidth, 120),
      height: HEIGHT,
      padding: [8, 0, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: true, auto: false },
        y: { range: (_plot, _min, max) => [0, Math.max(this.#data.top, (max || 0) * 1.15)] },
      },
      axes: [
        { ...axis, values: "{HH}:{mm}:{ss}", space: 90 },
        { ...axis, size: AXIS, values: (_plot, values) => values.map((value) => value.toLocaleString("en")) },
      ],
      series: [
        {},
        ...this.#data.series.map(({ label, dash, width, filled = false }) => ({
          label,
          stroke: ink,
          width,
          dash: [...dash],
          points: { show: false },
          ...(filled && { fill: tint }),
        })),
      ],
      hooks: { draw: [(plot) => this.#drawMarks(plot, ink)] },
    };
    return new uPlot(options, rows(this.#data), this.#parent);
  }

  /** A cross at the top for a loss, a crown's place, a triangle, for who begins to lead. */
  #drawMarks(plot: uPlot, ink: string): void {
    const { ctx, bbox } = plot;
    const unit = devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = ink;
    ctx.fillStyle = ink;
    ctx.lineWidth = 1.5 * unit;
    const at = (time: number, draw: (x: number) => void): void => {
      const x = Math.round(plot.valToPos(time, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) return;
      ctx.beginPath();
      draw(x);
      ctx.stroke();
    };
    const top = bbox.top;
    for (const time of this.#data.losses) {
      at(time, (x) => {
        const r = 4 * unit;
        ctx.moveTo(x - r, top);
        ctx.lineTo(x + r, top + 2 * r);
        ctx.moveTo(x + r, top);
        ctx.lineTo(x - r, top + 2 * r);
      });
    }
    ctx.setLineDash([2 * unit, 4 * unit]);
    for (const time of [...this.#data.losses, ...this.#data.leads]) {
      at(time, (x) => {
        ctx.moveTo(x, top + 10 * unit);
        ctx.lineTo(x, top + bbox.height);
      });
    }
    ctx.setLineDash([]);
    for (const time of this.#data.leads) {
      at(time, (x) => {
        ctx.moveTo(x - 5 * unit, top + 9 * unit);
        ctx.lineTo(x + 5 * unit, top + 9 * unit);
        ctx.lineTo(x, top);
        ctx.closePath();
        ctx.fill();
      });
    }
    ctx.restore();
  }
}

/** A canvas knows no variables and no `light-dark()`. */
function resolved(parent: HTMLElement, value: string): string {
  const probe = document.createElement("span");
  probe.style.color = value;
  parent.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
