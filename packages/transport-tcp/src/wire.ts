import type { Socket } from "node:net";
import type { Context } from "./context.js";

/** Writes a frame of the handshake. */
export function writeFrame(socket: Socket, [header, payload]: readonly [Uint8Array, Uint8Array]): void {
  socket.write(Buffer.concat([header, payload]));
}

/** Ends a refused connection once the reason has left, but does not wait for ever. */
export function endSoon(socket: Socket, { clock, settings }: Context): void {
  const cancel = clock.timer(settings.handshakeTimeoutMs, () => socket.destroy());
  socket.once("close", cancel);
  socket.destroySoon();
}
