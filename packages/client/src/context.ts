import type { Clock, Logger, Metrics, Random } from "@synod/interface";
import type { Notices, Tls } from "@synod/transport-tcp/framing";

/** Times in milliseconds and limits in force, defaults filled in. */
export interface ClientLimits {
  /** Calls end after this if neither their `timeoutMs` nor a signal ends them before; 10,000 by default. */
  readonly timeoutMs: number;
  /** Calls that may wait or be under way; 16,384 by default. Beyond it calls reject with `Busy`. */
  readonly callsMax: number;
  /** The bytes of these calls; 64 MiB by default. */
  readonly callBytesMax: number;
  /** Longest frame that is taken from a server; 16 MiB by default. */
  readonly frameBytesMax: number;
  /** Time to connect to one server and to shake hands; 5,000 by default. */
  readonly handshakeTimeoutMs: number;
  /** A connection on which nothing came for this long is given up; 5,000 by default. */
  readonly idleTimeoutMs: number;
  /** First and longest waiting time before a server is dialed again; 50 and 2,000 by default. */
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  /** An unused session is kept alive by a small write this often; 120,000 by default. */
  readonly keepAliveMs: number;
}

/** What all parts of one client share. */
export interface Context {
  readonly cluster: string;
  readonly token: string | null;
  readonly name: string | null;
  readonly tls: Tls | undefined;
  readonly limits: ClientLimits;
  readonly clock: Pick<Clock, "now" | "timer">;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly notices: Notices;
}
