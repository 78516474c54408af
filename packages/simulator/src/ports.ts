import type { Clock, Codec, Logger, Metrics, Random, Storage, Transport } from "@synod/interface";
import type { Envelope } from "@synod/multipaxos";

/** Calls of a node to its ports that can be made to throw. */
export const PORT_CALLS = [
  "transport.send",
  "codec.encode",
  "codec.decode",
  "clock.now",
  "clock.soon",
  "clock.timer",
  "random.uint32",
  "logger",
  "metrics",
  "storage.write",
  "storage.write, later",
] as const;

export type PortCall = (typeof PORT_CALLS)[number];

/** What a node need not survive: without a clock, chance, a way to its peers or its store it has to stop. */
export const FATAL_CALLS: readonly PortCall[] = PORT_CALLS.filter(
  (call) => !["codec.encode", "codec.decode", "logger", "metrics"].includes(call),
);

/** Everything that is injected into one life of a node. */
export interface Ports {
  readonly transport: Transport;
  readonly storage: Storage;
  readonly codec: Codec<Envelope>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Makes one call of one port throw, as a bug in an adapter would. */
export class PortFaults {
  /** The call after so many others of its kind. */
  armed: { readonly call: PortCall; after: number } | null = null;
  /** The call of the present life that threw. */
  struck: PortCall | null = null;
  readonly #onStrike: (call: PortCall) => void;

  constructor(onStrike: (call: PortCall) => void) {
    this.#onStrike = onStrike;
  }

  /** @throws Error if this is the call that is to fail. */
  pass(call: PortCall): void {
    const { armed } = this;
    if (armed === null || armed.call !== call || armed.after-- > 0) return;
    this.armed = null;
    this.struck = call;
    this.#onStrike(call);
    throw new Error(`a bug behind ${call}`);
  }
}

/** The same ports, with the calls of this process on their way through its faults. */
export function faultyPorts(ports: Ports, faults: PortFaults): Ports {
  const { transport, storage, codec, clock, random, logger, metrics } = ports;
  const log =
    (level: keyof Logger): Logger["info"] =>
    (message, fields) => {
      faults.pass("logger");
      logger[level](message, fields);
    };
  return {
    transport: {
      start: (options) => transport.start(options),
      setMembers: (members) => transport.setMembers(members),
      send: (to, frame, lane) => {
        faults.pass("transport.send");
        return transport.send(to, frame, lane);
      },
      close: () => transport.close(),
    },
    storage: {
      open: (options) => storage.open(options),
      write: (write) => {
        faults.pass("storage.write");
        return storage.write(write).then(() => faults.pass("storage.write, later"));
      },
      saveSnapshot: (index, chunks) => storage.saveSnapshot(index, chunks),
      readSnapshot: (part) => storage.readSnapshot(part),
      drop: (upTo) => storage.drop(upTo),
      close: () => storage.close(),
    },
    codec: {
      encode: (envelope) => {
        faults.pass("codec.encode");
        return codec.encode(envelope);
      },
      decode: (frame) => {
        faults.pass("codec.decode");
        return codec.decode(frame);
      },
    },
    clock: {
      now: () => {
        faults.pass("clock.now");
        return clock.now();
      },
      timer: (delayMs, callback) => {
        faults.pass("clock.timer");
        return clock.timer(delayMs, callback);
      },
      soon: (callback) => {
        faults.pass("clock.soon");
        clock.soon(callback);
      },
    },
    random: {
      uint32: () => {
        faults.pass("random.uint32");
        return random.uint32();
      },
    },
    logger: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
    metrics: {
      count: (...args) => {
        faults.pass("metrics");
        metrics.count(...args);
      },
      gauge: (...args) => metrics.gauge(...args),
      observe: (...args) => metrics.observe(...args),
    },
  };
}
