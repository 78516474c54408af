import type { Codec, NodeId } from "@synod/interface";
import type { Envelope, Message } from "@synod/multipaxos";
import type { Judge } from "./judge.js";
import { messageText } from "./messages.js";
import type { NetworkWatch } from "./network.js";
import type { Oracle } from "./oracle.js";
import type { Timeline } from "./timeline.js";
import type { Note, TraceHash } from "./trace.js";

export interface TrafficParts {
  readonly oracle: Oracle;
  readonly judge: Judge;
  readonly timeline: Timeline;
  readonly hash: TraceHash;
  readonly trace: (make: () => Note) => void;
}

/** What every transport takes. */
const FRAME_BYTES_MAX = 8 * 1024 * 1024;

/** Sees every frame that is sent, and what is in it. */
export class Traffic implements NetworkWatch {
  readonly #p: TrafficParts;
  readonly #messages = new WeakMap<Uint8Array, Message>();
  framesSent = 0;
  /** How many of them tell what a state looks like. */
  digestsSent = 0;

  constructor(parts: TrafficParts) {
    this.#p = parts;
  }

  /** Remembers what is in each frame. */
  watchCodec(inner: Codec<Envelope>): Codec<Envelope> {
    return {
      encode: (envelope) => {
        const frame = inner.encode(envelope);
        const size = frame.length;
        this.#p.judge.check(size <= FRAME_BYTES_MAX, "bounds", () => `a frame of ${size} bytes`);
        this.#messages.set(frame, envelope.message);
        return frame;
      },
      decode: (frame) => inner.decode(frame),
    };
  }

  sent(from: NodeId, to: NodeId, frame: Uint8Array, delivery: number): void {
    this.framesSent++;
    this.#p.hash.add(from * 256 + to);
    this.#p.hash.add(Math.floor(this.#p.timeline.nowMs * 1000));
    this.#p.hash.addBytes(frame);
    const message = this.#messages.get(frame);
    if (message !== undefined) this.#p.oracle.onSend(from, message);
    if (message?.kind === "stateDigest") this.digestsSent++;
    if (message?.kind === "reject") this.#p.judge.sometimes("rejected by a higher promise");
    this.#p.trace(() => ({ kind: "send", from, to, message: this.#text(frame), delivery }));
  }

  #text(frame: Uint8Array): string {
    const message = this.#messages.get(frame);
    return message === undefined ? "?" : messageText(message);
  }

  delivered(from: NodeId, to: NodeId, frame: Uint8Array, delivery: number): void {
    this.#p.hash.add(delivery);
    const message = this.#messages.get(frame);
    if (message?.kind === "learn" && message.values.length > 0) this.#p.judge.sometimes("catch-up by fetch");
    this.#p.trace(() => ({ kind: "deliver", from, to, message: this.#text(frame), delivery }));
  }

  dropped(from: NodeId, to: NodeId, frame: Uint8Array, why: string): void {
    this.#p.trace(() => ({ kind: "drop", from, to, message: this.#text(frame), why }));
  }

  sentLate(from: NodeId): void {
    this.#p.judge.fail("nothing after close", `node ${from} sends after closing its transport`);
  }
}
