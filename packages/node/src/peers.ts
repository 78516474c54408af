import type { Incarnation, NodeId } from "@synod/interface";

interface Peer {
  current: Incarnation | null;
  /** Boot ids of earlier lives; frames of theirs that still arrive are dropped. */
  readonly former: Set<string>;
  connected: boolean;
  /** Why the last handshake came to nothing, until one did not. */
  refusal: string | null;
}

const FORMER_MAX = 64;

/** Which life of each peer is the present one. */
export class Peers {
  readonly #peers = new Map<NodeId, Peer>();

  /** A connection to this life of the peer is up. */
  up(incarnation: Incarnation): void {
    const peer = this.#peer(incarnation.nodeId);
    const old = peer.current;
    if (old !== null && old.bootId !== incarnation.bootId) {
      // Of another store the boots count apart: the address book came to name this one.
      if (incarnation.storeId === old.storeId && incarnation.bootCount < old.bootCount) return;
      peer.former.add(old.bootId);
      for (const bootId of peer.former) if (peer.former.size > FORMER_MAX) peer.former.delete(bootId);
    }
    peer.current = incarnation;
    peer.connected = true;
    peer.refusal = null;
  }

  down(id: NodeId): void {
    this.#peer(id).connected = false;
  }

  refused(id: NodeId, reason: string): void {
    const peer = this.#peer(id);
    // Somebody else may come under its id.
    if (!peer.connected) peer.refusal = reason;
  }

  refusalOf(id: NodeId): string | null {
    return this.#peers.get(id)?.refusal ?? null;
  }

  /** Ids of connections that are no more: the rest is kept, lest frames of an earlier life are taken for those of the present one. */
  forget(isGone: (id: NodeId) => boolean): void {
    for (const [id, { connected }] of this.#peers) if (!connected && isGone(id)) this.#peers.delete(id);
  }

  isConnected(id: NodeId): boolean {
    return this.#peers.get(id)?.connected ?? false;
  }

  /** Whether a frame comes from a life of the peer that is known to be over. */
  isFormer(id: NodeId, bootId: string): boolean {
    return this.#peers.get(id)?.former.has(bootId) ?? false;
  }

  #peer(id: NodeId): Peer {
    let peer = this.#peers.get(id);
    if (peer === undefined) {
      peer = { current: null, former: new Set(), connected: false, refusal: null };
      this.#peers.set(id, peer);
    }
    return peer;
  }
}
