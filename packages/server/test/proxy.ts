import { connect, createServer, type Server, type Socket } from "node:net";
import { encodeFrame, FrameInput, parseAddress } from "@synod/client/protocol";

/** A seeded source of chance (mulberry32). */
export function chanceOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Stands between clients and one server, and cuts connections between two frames, in either direction. */
export class Proxy {
  readonly #target: string;
  readonly #framesUntilCut: () => number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  cuts = 0;
  /** Connections stay, and nothing comes through. */
  silent = false;
  /** At the next frame of this kind the connection is cut, once; null: at none. */
  cutBefore: number | null = null;
  /** Connections so far. */
  met = 0;

  constructor(target: string, framesUntilCut: () => number = () => Infinity) {
    this.#target = target;
    this.#framesUntilCut = framesUntilCut;
    this.#server = createServer((socket) => this.#join(socket));
  }

  get address(): string {
    const bound = this.#server.address();
    return bound && typeof bound === "object" ? `127.0.0.1:${bound.port}` : "";
  }

  listen(port = 0): Promise<void> {
    return new Promise((resolve) => void this.#server.listen(port, "127.0.0.1", () => resolve()));
  }

  /** As a machine that loses its power: no connection ends in order, and there are no new ones. */
  async kill(): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    this.cutAll();
    await closed;
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(near: Socket): void {
    this.met++;
    const { host, port } = parseAddress(this.#target);
    const far = connect({ host, port });
    let left = this.#framesUntilCut();
    const end = (): void => {
      near.destroy();
      far.destroy();
    };
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      const input: FrameInput = new FrameInput(2 ** 26, (kind, bytes, start, end) => {
        const isAwaited = kind === this.cutBefore;
        if (isAwaited) this.cutBefore = null;
        if (!isAwaited && left-- > 0) {
          to.write(Buffer.concat(encodeFrame(kind, bytes.slice(start, end))));
          return;
        }
        this.cuts++;
        // What was forwarded before leaves; this frame does not.
        input.stop();
        from.destroy();
        to.destroySoon();
      });
      from.on("error", () => {});
      from.on("close", () => {
        this.#sockets.delete(from);
        end();
      });
      from.on("data", (chunk) => {
        if (!this.silent) input.push(chunk);
      });
    }
  }
}

/** One before each server, listening. */
export async function proxiesBefore(addresses: readonly string[], framesUntilCut?: () => number): Promise<Proxy[]> {
  const proxies = addresses.map((address) => new Proxy(address, framesUntilCut));
  await Promise.all(proxies.map((proxy) => proxy.listen()));
  return proxies;
}
