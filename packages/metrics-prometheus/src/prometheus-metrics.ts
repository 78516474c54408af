import { checkNames, METRICS, type MetricDescription, type Metrics, optionNames, SynodError } from "@synod/interface";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { BUCKETS } from "./buckets.js";
import { LabelSets } from "./label-sets.js";

export interface PrometheusMetricsOptions {
  /** Where the numbers go besides your own; by default a registry of its own. */
  readonly registry?: Registry;
  /** On every number, e.g. `{ node: "1" }`: needed where several nodes share one registry. All of them give the same names. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Numbers of a node in the form that Prometheus reads. */
export interface PrometheusMetrics extends Metrics {
  readonly registry: Registry;
  /** For the `Content-Type` header of what serves `text()`. */
  readonly contentType: string;
  /** All numbers of the registry in the text format of Prometheus. */
  text(): Promise<string>;
}

// As a record, so that the compiler asks for a new option here, too.
const OPTIONS: Readonly<Record<keyof PrometheusMetricsOptions, true>> = { registry: true, labels: true };

/**
 * Keeps the numbers of one node for Prometheus. Give it to `createNode({ metrics })` and serve `text()`.
 * @throws SynodError `InvalidArgument` for an option that is unknown, a name of a label that Prometheus does not take, or other labels than those with which another
 * node shares the registry.
 */
export function prometheusMetrics(options: PrometheusMetricsOptions = {}): PrometheusMetrics {
  checkNames((name) => `prometheusMetrics has no option ${name}`, options, optionNames(OPTIONS));
  return new Adapter(options);
}

type Labels = Readonly<Record<string, string>>;
type Add = (value: number, labels: Labels | undefined) => void;
type Forget = (labels: Labels) => void;

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

class Adapter implements PrometheusMetrics {
  readonly registry: Registry;
  readonly #fixed: Labels;
  /** By kind and name, so that one name used in two ways is one number lost and not an exception. */
  readonly #series = new Map<string, Add>();
  readonly #forgets: Forget[] = [];

  constructor({ registry = new Registry(), labels = {} }: PrometheusMetricsOptions) {
    for (const name of Object.keys(labels)) {
      if (!LABEL_NAME.test(name)) throw new SynodError("InvalidArgument", `"${name}" is no name for a label`);
    }
    this.registry = registry;
    this.#fixed = { ...labels };
    // From the start, so that what never happened is a 0 and every name is there to be looked up.
    for (const [name, metric] of Object.entries(METRICS)) {
      this.#register(name, metric);
      if (metric.labels === undefined) this.#begin(name);
    }
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  count(name: string, delta: number = 1, labels?: Labels): void {
    this.#find("counter", name, labels)(delta, labels);
  }

  gauge(name: string, value: number, labels?: Labels): void {
    this.#find("gauge", name, labels)(value, labels);
  }

  observe(name: string, value: number, labels?: Labels): void {
    this.#find("distribution", name, labels)(value, labels);
  }

  forget(labels: Labels): void {
    if (Object.keys(labels).length === 0) return;
    for (const forget of this.#forgets) forget(labels);
  }

  /** One that no package of Synod describes, from an adapter of your own, gets the labels of its first use. */
  #find(kind: MetricDescription["kind"], name: string, labels: Labels = {}): Add {
    const known = this.#series.get(`${kind} ${name}`);
    if (known !== undefined) return known;
    try {
      return this.#register(name, { kind, unit: "1", help: "Not described by Synod", labels: Object.keys(labels) });
    } catch {
      // A name that Prometheus does not take, or that the registry has with other labels: once tried is enough.
      const lost: Add = () => undefined;
      this.#series.set(`${kind} ${name}`, lost);
      return lost;
    }
  }

  #register(name: string, metric: MetricDescription): Add {
    const own = metric.labels ?? [];
    const labelNames = [...Object.keys(this.#fixed), ...own];
    const [instrument, sets] = [this.#instrument(name, metric, labelNames), new LabelSets(own)];
    const add = this.#adder(instrument, sets);
    if (instrument instanceof Counter || instrument instanceof Gauge || instrument instanceof Histogram) {
      this.#forgets.push((labels) => {
        for (const set of sets.forget(labels)) instrument.remove({ ...this.#fixed, ...set });
      });
    }
    this.#series.set(`${metric.kind} ${name}`, add);
    return add;
  }

  /** prom-client has a 0 for what has no labels at all; with those of the user it would have nothing before the first value. */
  #begin(name: string): void {
    const instrument: unknown = this.registry.getSingleMetric(name);
    if (instrument instanceof Counter) instrument.inc(this.#fixed, 0);
    else if (instrument instanceof Gauge) instrument.inc(this.#fixed, 0);
    else if (instrument instanceof Histogram) instrument.zero(this.#fixed);
  }

  #instrument(name: string, { kind, unit, help }: MetricDescription, labelNames: string[]): unknown {
    const found = this.registry.getSingleMetric(name);
    if (found !== undefined) {
      const names: unknown = (found as unknown as { labelNames?: unknown }).labelNames;
      if (JSON.stringify(names) === JSON.stringify(labelNames)) return found;
      throw new SynodError(
        "InvalidArgument",
        `the registry has ${name} with other labels: give all nodes of one registry the same names of labels`,
      );
    }
    const text = unit === "1" ? help : `${help} (${unit})`;
    const options = { name, help: text, labelNames, registers: [this.registry] };
    switch (kind) {
      case "counter":
        return new Counter(options);
      case "gauge":
        return new Gauge(options);
      case "distribution":
        return new Histogram({ ...options, buckets: [...BUCKETS[unit]] });
    }
  }

  #adder(instrument: unknown, sets: LabelSets): Add {
    const labelsOf = (labels: Labels | undefined): Record<string, string> => ({
      ...this.#fixed,
      ...sets.bounded(labels),
    });
    if (instrument instanceof Counter) {
      // A counter never falls: Prometheus would take it for a restart.
      return (value, labels) => (value >= 0 ? instrument.inc(labelsOf(labels), value) : undefined);
    }
    if (instrument instanceof Gauge) return (value, labels) => instrument.set(labelsOf(labels), value);
    if (instrument instanceof Histogram) return (value, labels) => instrument.observe(labelsOf(labels), value);
    // The registry has the name for something else: the number of that is not to be spoilt.
    return () => undefined;
  }
}
