import {
  type Codec,
  type Incarnation,
  type Logger,
  type Metrics,
  type NodeId,
  SynodError,
  type Versions,
} from "@synod/interface";
import type { Envelope, Message } from "@synod/multipaxos";
import { plainName } from "./founders.js";

export interface WireOptions {
  /** The name of its cluster is that of `wireName`. */
  readonly self: Incarnation;
  /** Of the newest configuration known. */
  readonly epoch: () => number;
  readonly supports: Versions;
  /** Wire version to write now. */
  readonly version: () => number;
  readonly codec: Codec<Envelope>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Messages in and out of frames. Nothing that a peer sends or a codec throws gets past here as an exception. */
export class Wire {
  readonly #options: WireOptions;
  readonly #refused = new Map<NodeId, string>();

  constructor(options: WireOptions) {
    this.#options = options;
  }

  /** Why the last frame of a peer was refused, as long as none after it was taken. */
  readonly refused: ReadonlyMap<NodeId, string> = this.#refused;

  forget(isGone: (id: NodeId) => boolean): void {
    for (const id of this.#refused.keys()) if (isGone(id)) this.#refused.delete(id);
  }

  /** A message that cannot be encoded is lost, as messages may be; the node and its other messages are not. */
  encode(message: Message): Uint8Array | null {
    const { codec, self, epoch, supports, metrics, logger } = this.#options;
    const version = this.#options.version();
    try {
      const sender = { clusterId: self.clusterId, from: self.nodeId, bootId: self.bootId, epoch: epoch(), supports };
      return codec.encode({ version, ...sender, message });
    } catch (cause) {
      metrics.count("synod_messages_unsendable_total", 1, { kind: message.kind });
      logger.error("a message could not be encoded", { kind: message.kind, cause });
      return null;
    }
  }

  /** Null for what is no message of this cluster from this peer. */
  decode(from: NodeId, frame: Uint8Array): Envelope | null {
    const { codec, self } = this.#options;
    try {
      const envelope = codec.decode(frame);
      if (envelope.clusterId === self.clusterId && envelope.from === from) {
        this.#refused.delete(from);
        return envelope;
      }
      this.#refuse(from, misfit(self, envelope));
    } catch (cause) {
      const isOther = cause instanceof SynodError && cause.code === "VersionUnsupported";
      const text = isOther ? `another release: ${cause.message}` : "its frames cannot be read";
      this.#refuse(from, text, cause);
    }
    return null;
  }

  /** One line for each reason: a peer that does not fit goes on sending. */
  #refuse(from: NodeId, reason: string, cause?: unknown): void {
    const { metrics, logger } = this.#options;
    metrics.count("synod_frames_refused_total");
    if (this.#refused.get(from) === reason) return;
    this.#refused.set(from, reason);
    logger.warn("frames of a peer are refused", { from, reason, cause });
  }
}

function misfit(self: Incarnation, { clusterId, from }: Envelope): string {
  if (clusterId === self.clusterId) return `they come under the name of node ${from}`;
  if (plainName(clusterId) !== plainName(self.clusterId)) return `it belongs to cluster ${plainName(clusterId)}`;
  return (
    "it was formatted with other founders, quorums, leases or alpha than this node (`synod dump --json` shows those of each). " +
    "In a new cluster format all nodes alike; who joins is formatted as the members were, under a new id (`synod member replace`)"
  );
}
