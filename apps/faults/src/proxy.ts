import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** What happens to bytes of one direction of a link. `hole`: they wait, as in a network that loses everything. */
export interface Rule {
  readonly kind: "open" | "hole" | "refuse";
  readonly delayMs: number;
}

export const OPEN: Rule = { kind: "open", delayMs: 0 };

interface Link {
  readonly from: number;
  readonly sockets: readonly [Socket, Socket];
}

/** A frame has 13 bytes before its payload; the first one of a replica is its hello, with its id at byte 7 of it. */
const HELLO_FROM = 13 + 7;
const HELLO_BYTES = HELLO_FROM + 8;

/**
 * Stands before one port. Connections of replicas are told apart by who dials (each direction between two replicas is a connection of its
 * own); those of clients are all from 0.
 */
export class Proxy {
  readonly #server: Server;
  readonly #target: () => number;
  readonly #isForPeers: boolean;
  readonly #rules = new Map<number, Rule>();
  readonly #links = new Set<Link>();
  readonly #waiting = new Set<Socket>();

  private constructor(target: () => number, isForPeers: boolean) {
    this.#target = target;
    this.#isForPeers = isForPeers;
    this.#server = createServer((socket) => this.#taken(socket));
  }

  static async listen(options: {
    /** 0: any that is free. */
    readonly port: number;
    readonly target: () => number;
    readonly peers: boolean;
  }): Promise<Proxy> {
    const proxy = new Proxy(options.target, options.peers);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once("error", reject);
      proxy.#server.listen(options.port, "127.0.0.1", resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#links.size + this.#waiting.size;
  }

  set(from: number, rule: Rule): void {
    this.#rules.set(from, rule);
    for (const link of this.#links) {
      if (link.from !== from) continue;
      for (const socket of link.sockets) {
        if (rule.kind === "hole") socket.pause();
        else if (rule.kind === "open") socket.resume();
        else socket.destroy();
      }
    }
    if (rule.kind !== "open") return;
    // Whoever dialed into the hole dials again.
    for (const socket of this.#waiting) socket.destroy();
  }

  /** Ends all connections. */
  reset(): void {
    // Not resetAndDestroy(): now and then Node.js 20 leaves a socket open whose end was sent, and a process with such a one spins at its exit for ever.
    for (const { sockets } of this.#links) for (const socket of sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.reset();
    for (const socket of this.#waiting) socket.destroy();
    await closed;
  }

  #taken(socket: Socket): void {
    socket.on("error", () => {});
    this.#waiting.add(socket);
    socket.once("close", () => this.#waiting.delete(socket));
    if (!this.#isForPeers) return this.#join(socket, 0, Buffer.alloc(0));
    let head = Buffer.alloc(0);
    const read = (part: Buffer): void => {
      head = Buffer.concat([head, part]);
      if (head.length < HELLO_BYTES) return;
      socket.off("data", read);
      socket.pause();
      this.#join(socket, Number(head.readBigUInt64BE(HELLO_FROM)), head);
    };
    socket.on("data", read);
  }

  #join(socket: Socket, from: number, head: Buffer): void {
    const rule = this.#rules.get(from) ?? OPEN;
    if (rule.kind === "refuse") return void socket.destroy();
    if (rule.kind === "hole") return void socket.pause();
    this.#waiting.delete(socket);
    const onward = connect({ port: this.#target(), host: "127.0.0.1" });
    onward.on("error", () => {});
    const link: Link = { from, sockets: [socket, onward] };
    this.#links.add(link);
    for (const one of link.sockets) {
      one.setNoDelay(true);
      one.once("close", () => {
        this.#links.delete(link);
        for (const other of link.sockets) other.destroy();
      });
    }
    if (head.length > 0) onward.write(head);
    this.#forward(link, socket, onward);
    this.#forward(link, onward, socket);
  }

  #forward({ from }: Link, source: Socket, sink: Socket): void {
    let lastMs = 0;
    source.on("data", (part) => {
      const { delayMs } = this.#rules.get(from) ?? OPEN;
      const now = performance.now();
      // Never before what came before it.
      lastMs = Math.max(lastMs, now + delayMs);
      const write = (): void => {
        if (sink.destroyed || sink.write(part)) return;
        source.pause();
        sink.once("drain", () => {
          if ((this.#rules.get(from) ?? OPEN).kind === "open") source.resume();
        });
      };
      if (lastMs <= now) write();
      else setTimeout(write, lastMs - now);
    });
    source.resume();
  }
}
