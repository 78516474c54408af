import { createServer } from "node:net";
import { broken } from "./failure.js";

/** Below the range from which systems take ports for outgoing connections: a replica's port stays free while it is down. */
const FIRST = 15_000;
const LAST = 31_000;
const TRIES = 200;

/** Ports on loopback that nobody listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let i = 0; i < TRIES && ports.size < count; i++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  if (ports.size < count) throw broken(`no ${count} free ports on 127.0.0.1 were found`);
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
}
