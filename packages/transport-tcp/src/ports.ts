import type { Clock } from "@synod/interface";
import { systemClock } from "@synod/interface/host";

/** What a transport needs of a clock. */
export type TransportClock = Pick<Clock, "now" | "timer">;

/** Its timers keep no process alive: sockets do that. */
export const hostClock: TransportClock = systemClock({ keepsAlive: false });
