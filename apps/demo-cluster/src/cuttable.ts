import type { NodeId, Transport } from "@synod/interface";

/** A transport whose links can be cut, and the switch. */
export interface CuttableTransport {
  readonly transport: Transport;
  /** From now on no frame goes to or comes from these peers. Replaces the earlier set. */
  readonly cut: (peers: readonly NodeId[]) => void;
}

/**
 * Drops frames as a broken switch does: without a word, in both directions, while the connections stay open. The replica above
 * it can only notice that a peer has gone silent, which is the harder case; a closed connection would tell it at once.
 */
export function cuttable(inner: Transport): CuttableTransport {
  let cutOff: ReadonlySet<NodeId> = new Set();
  const transport: Transport = {
    start: (options) =>
      inner.start({
        ...options,
        handlers: {
          ...options.handlers,
          frame: (from, frame) => {
            if (!cutOff.has(from)) options.handlers.frame(from, frame);
          },
        },
      }),
    setMembers: (members) => inner.setMembers(members),
    send(to, frame, lane) {
      const wanted = typeof to === "number" ? [to] : to;
      const reachable = wanted.filter((id) => !cutOff.has(id));
      if (reachable.length === wanted.length) return inner.send(to, frame, lane);
      // Frames vanish in a cut; that is not for the sender to know.
      return reachable.length === 0 || inner.send(reachable, frame, lane);
    },
    close: () => inner.close(),
  };
  return {
    transport,
    cut: (peers) => {
      cutOff = new Set(peers);
    },
  };
}
