import type { Fields, Logger, Metrics } from "./ports.js";

const nothing = (): void => undefined;

/** A line that cannot be written is not worth a node, nor a connection. */
function quietly(call: () => unknown): void {
  try {
    const result = call();
    // Not what the contract allows, and done all the same.
    if (result instanceof Promise) result.catch(nothing);
  } catch {
    nothing();
  }
}

/** A logger that never throws, whatever the given one does. None: silence. */
export function quietLogger(logger: Logger | undefined): Logger {
  const level =
    (name: keyof Logger): Logger["info"] =>
    (message: string, fields?: Fields) =>
      // A logger that prints its arguments would print an undefined one.
      quietly(() => (fields === undefined ? logger?.[name](message) : logger?.[name](message, fields)));
  return { debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") };
}

/** Metrics that never throw, whatever the given ones do. None: nothing is counted. */
export function quietMetrics(metrics: Metrics | undefined): Metrics {
  return {
    count: (...args) => quietly(() => metrics?.count(...args)),
    gauge: (...args) => quietly(() => metrics?.gauge(...args)),
    observe: (...args) => quietly(() => metrics?.observe(...args)),
    ...(metrics?.forget === undefined ? {} : { forget: (labels) => quietly(() => metrics.forget?.(labels)) }),
  };
}
