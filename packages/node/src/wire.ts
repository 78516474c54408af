import type { Codec, Incarnation, Logger, Metrics, NodeId } from "@synod/interface";
import type { Envelope, Message } from "@synod/multipaxos";

export interface WireOptions {
  readonly self: Incarnation;
  readonly epoch: number;
  readonly codec: Codec<Envelope>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Messages in and out of frames. Nothing that a peer sends or a codec throws gets past here as an exception. */
export class Wire {
  readonly #options: WireOptions;

  constructor(options: WireOptions) {
    this.#options = options;
  }

  /** A message that cannot be encoded is lost, as messages may be; the node and its other messages are not. */
  encode(message: Message): Uint8Array | null {
    const { codec, self, epoch, metrics, logger } = this.#options;
    try {
      return codec.encode({ clusterId: self.clusterId, from: self.nodeId, bootId: self.bootId, epoch, message });
    } catch (cause) {
      metrics.count("synod_messages_unsendable_total", 1, { kind: message.kind });
      logger.error("a message could not be encoded", { kind: message.kind, cause });
      return null;
    }
  }

  /** Null for what is no message of this cluster from this peer. */
  decode(from: NodeId, frame: Uint8Array): Envelope | null {
    const { codec, self, metrics, logger } = this.#options;
    try {
      const envelope = codec.decode(frame);
      if (envelope.clusterId === self.clusterId && envelope.from === from) return envelope;
    } catch (cause) {
      logger.warn("a frame was refused", { from, cause });
    }
    metrics.count("synod_frames_refused_total");
    return null;
  }
}
