import { checkNames, optionNames, type Random, SynodError, type Transport } from "@synod/interface";
import type { Settings } from "./context.js";
import { frameHeaderBytes } from "./frames.js";
import type { TransportClock } from "./ports.js";
import { checkTls, type MutualTlsMaterial, type Tls, tlsNames } from "./tls.js";

export interface TcpTransportOptions {
  /** Where to listen, `host:port`, if that differs from the address of the own member (`0.0.0.0:7000` in a container). */
  readonly listen?: string;
  /**
   * Mutual TLS between the members. The certificate of each names its node, as `nodeUri` says, so that no other member, and nobody else whom
   * the same authority knows, can speak for it. A function is asked for every new connection. The same on all members: with or without.
   */
  readonly tls?: Tls<MutualTlsMaterial>;
  /** Longest frame, both ways. The same on all members. Default 16 MiB. */
  readonly frameBytesMax?: number;
  /** Limit of what waits for one peer in the bulk lane, 128 bytes per frame included. Default 64 MiB. */
  readonly queueBytesMax?: number;
  /** The same for the control lane. Default 4 MiB. */
  readonly controlQueueBytesMax?: number;
  /** Time to connect and shake hands. Default 5,000. */
  readonly handshakeTimeoutMs?: number;
  /** A connection on which nothing came from the peer for this long is given up, with what waits for it. Default 5,000. */
  readonly idleTimeoutMs?: number;
  /** First waiting time before a connection is tried again; doubles with each failure. Default 50. */
  readonly reconnectMinMs?: number;
  /** Longest waiting time between tries. Default 2,000. */
  readonly reconnectMaxMs?: number;
  /** Time. Default: the clock of the host. */
  readonly clock?: TransportClock;
  /** Jitter of the waiting times. Default: that of the host. */
  readonly random?: Random;
}

/** A `Transport` over TCP. */
export interface TcpTransport extends Transport, AsyncDisposable {
  /** Where it listens, `host:port` with the real port; null before `start` has settled. */
  readonly address: string | null;
}

// As a record, so that the compiler asks for a new option here, too.
const OPTIONS: Readonly<Record<keyof TcpTransportOptions, true>> = {
  listen: true,
  tls: true,
  frameBytesMax: true,
  queueBytesMax: true,
  controlQueueBytesMax: true,
  handshakeTimeoutMs: true,
  idleTimeoutMs: true,
  reconnectMinMs: true,
  reconnectMaxMs: true,
  clock: true,
  random: true,
};

/** Fills in the defaults. @throws SynodError `InvalidArgument`. */
export function settingsOf(options: TcpTransportOptions): Settings {
  if (typeof options !== "object" || options === null)
    throw new SynodError(
      "InvalidArgument",
      `tcpTransport takes an object, as in { listen: "0.0.0.0:7000" }, not ${String(options)}`,
    );
  checkNames((name) => `tcpTransport has no option ${name}`, options, optionNames(OPTIONS), tlsNames);
  checkTls(options.tls);
  const { frameBytesMax = 2 ** 24, queueBytesMax = 2 ** 26, controlQueueBytesMax = 2 ** 22 } = options;
  const { handshakeTimeoutMs = 5000, idleTimeoutMs = 5000, reconnectMinMs = 50, reconnectMaxMs = 2000 } = options;
  inRange("frameBytesMax", frameBytesMax, 1, 2 ** 32 - 1);
  inRange("queueBytesMax", queueBytesMax, frameHeaderBytes, Number.MAX_SAFE_INTEGER);
  inRange("controlQueueBytesMax", controlQueueBytesMax, frameHeaderBytes, Number.MAX_SAFE_INTEGER);
  inRange("handshakeTimeoutMs", handshakeTimeoutMs, 1, timerMaxMs);
  inRange("idleTimeoutMs", idleTimeoutMs, 1, timerMaxMs);
  inRange("reconnectMinMs", reconnectMinMs, 1, timerMaxMs);
  inRange("reconnectMaxMs", reconnectMaxMs, reconnectMinMs, timerMaxMs);
  return {
    frameBytesMax,
    queueBytesMax: { control: controlQueueBytesMax, bulk: queueBytesMax },
    handshakeTimeoutMs,
    idleTimeoutMs,
    reconnectMinMs,
    reconnectMaxMs,
  };
}

/** Longest delay that timers of the host can hold. */
const timerMaxMs = 2 ** 31 - 1;

function inRange(name: string, value: number, least: number, most: number): void {
  if (Number.isFinite(value) && value >= least && value <= most) return;
  throw new SynodError("InvalidArgument", `${name} is ${value}; it must be a number from ${least} to ${most}.`);
}
