import { connect, type Socket } from "node:net";
import {
  decodeGoodbye,
  decodeReply,
  encodeFrame,
  encodeHello,
  encodeRequest,
  type Frame,
  FrameInput,
  type Goodbye,
  parseAddress,
  replyKinds,
  type Reply,
  type Request,
  requestKinds,
} from "@synod/client/protocol";

/** A client that is spoken by hand, and may misbehave. */
export class Wire {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  closed = false;
  #waiting: (() => void)[] = [];

  constructor(address: string) {
    this.socket = connect(parseAddress(address));
    const input = new FrameInput(2 ** 26, (kind, bytes, from, to) => {
      this.frames.push({ kind, payload: new Uint8Array(bytes.subarray(from, to)) });
    });
    this.socket.on("error", () => {});
    this.socket.on("data", (chunk) => {
      input.push(chunk);
      this.#notify();
    });
    this.socket.on("close", () => {
      this.closed = true;
      this.#notify();
    });
  }

  write(kind: number, payload: Uint8Array): void {
    this.socket.write(Buffer.concat(encodeFrame(kind, payload)));
  }

  hello(cluster = "orders", token: string | null = null): void {
    this.write(requestKinds.hello, encodeHello({ cluster, token, name: null, frameBytesMax: 2 ** 24 }));
  }

  /** All in one write. */
  ask(...requests: readonly Request[]): void {
    this.socket.write(Buffer.concat(requests.flatMap((request) => encodeFrame(...encodeRequest(request)))));
  }

  /** With the handshake done. */
  static async accepted(address: string): Promise<Wire> {
    const wire = new Wire(address);
    wire.hello();
    await wire.until(() => wire.frames.length > 0);
    return wire;
  }

  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        this.#waiting = this.#waiting.filter((other) => other !== look);
        resolve();
      };
      this.#waiting.push(look);
      look();
    });
  }

  async goodbye(): Promise<Goodbye | null> {
    await this.until(() => this.closed);
    const frame = this.frames.find(({ kind }) => kind === replyKinds.goodbye);
    return frame === undefined ? null : decodeGoodbye(frame.payload);
  }

  async reply(id: number): Promise<Reply> {
    const find = (): Reply | undefined =>
      this.frames
        .filter(({ kind }) => kind !== replyKinds.welcome && kind !== replyKinds.goodbye)
        .map(({ kind, payload }) => decodeReply(kind, payload))
        .find((reply) => "id" in reply && reply.id === id);
    await this.until(() => this.closed || find() !== undefined);
    const reply = find();
    if (reply === undefined) throw new Error(`the connection ended without an answer to ${id}`);
    return reply;
  }

  #notify(): void {
    for (const look of this.#waiting.slice()) look();
  }
}
