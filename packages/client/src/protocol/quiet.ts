import type { Fields, Logger, Metrics } from "@synod/interface";

/** A line that cannot be written is not worth a connection, and even less the node whose turn it is. */
function quietly(call: () => void): void {
  try {
    call();
  } catch {
    // There is nobody left to tell.
  }
}

/** A logger that never throws, whatever the given one does. None: silence. */
export function quietLogger(logger: Logger | undefined): Logger {
  const level =
    (name: keyof Logger): Logger["info"] =>
    (message: string, fields?: Fields) =>
      quietly(() => logger?.[name](message, fields));
  return { debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") };
}

/** Metrics that never throw, whatever the given ones do. None: nothing is counted. */
export function quietMetrics(metrics: Metrics | undefined): Metrics {
  return {
    count: (...args) => quietly(() => metrics?.count(...args)),
    gauge: (...args) => quietly(() => metrics?.gauge(...args)),
    observe: (...args) => quietly(() => metrics?.observe(...args)),
  };
}
