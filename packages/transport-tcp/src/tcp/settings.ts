import { type Clock, type Random, SynodError } from "@synod/interface";
import { systemClock, systemRandom } from "./system-ports.js";

export interface TcpTransportOptions {
  /** Where to listen; by default the address of this node in the member list. Use it behind address translation, or for port 0. */
  readonly listen?: string;
  /** Longest frame taken or sent; 16 MiB by default. */
  readonly frameBytesMax?: number;
  /** Bulk frames waiting for one peer, in bytes; control frames may take a quarter of it. 64 MiB by default. */
  readonly queueBytesMax?: number;
  /** A connection on which nothing was heard for this long is given up; 5,000 by default. */
  readonly idleTimeoutMs?: number;
  /** Time for connecting and for the handshake; 3,000 by default. */
  readonly handshakeTimeoutMs?: number;
  /** First wait before connecting again; doubles with jitter up to `reconnectMaxMs`. 20 by default. */
  readonly reconnectMinMs?: number;
  /** 1,000 by default. */
  readonly reconnectMaxMs?: number;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface Settings {
  readonly listen: string | null;
  readonly frameBytesMax: number;
  readonly queueBytesMax: number;
  readonly idleTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  readonly clock: Clock;
  readonly random: Random;
}

export function settingsOf(options: TcpTransportOptions): Settings {
  const settings: Settings = {
    listen: options.listen ?? null,
    frameBytesMax: options.frameBytesMax ?? 16 * 1024 * 1024,
    queueBytesMax: options.queueBytesMax ?? 64 * 1024 * 1024,
    idleTimeoutMs: options.idleTimeoutMs ?? 5_000,
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? 3_000,
    reconnectMinMs: options.reconnectMinMs ?? 20,
    reconnectMaxMs: options.reconnectMaxMs ?? 1_000,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  };
  for (const [name, value] of Object.entries(settings)) {
    if (typeof value === "number" && !(Number.isFinite(value) && value > 0)) {
      throw new SynodError("InvalidArgument", `${name} must be a positive number, not ${value}`);
    }
  }
  return settings;
}
