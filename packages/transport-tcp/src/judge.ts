import type { Incarnation, Member, NodeId } from "@synod/interface";
import { nodeUri, type PeerProof } from "./tls.js";
import { type ForeignHello, type Hello, protocolVersion, type Refusal } from "./hello.js";

/** What a node knows when a hello comes in. */
export interface Acquaintance {
  readonly self: Incarnation;
  /** Whom this side dialed; null where it was dialed. */
  readonly expected: NodeId | null;
  /** Of the other side; null where there is no TLS. */
  readonly proof: PeerProof | null;
  /** Of the address book, with its store if the configuration names it. */
  readonly member: (id: NodeId) => Member | undefined;
  /** Latest incarnation of the peer seen by this process. */
  readonly known: (id: NodeId) => Incarnation | undefined;
}

/** The hello itself, or the first reason to refuse it, in the order in which they make sense to the one who is refused. */
export function judgeHello(hello: Hello | ForeignHello, acquaintance: Acquaintance): Hello | Refusal {
  const { self, expected, proof, known } = acquaintance;
  if ("version" in hello) {
    return { reason: "version", text: `Protocol version ${hello.version} meets ${protocolVersion}: run one release.` };
  }
  const { from, to } = hello;
  if (from.clusterId !== self.clusterId) {
    return { reason: "cluster", text: `Cluster ${quote(from.clusterId)} meets cluster ${quote(self.clusterId)}.` };
  }
  if (proof !== null && !(proof.refused === null && proof.isNode(self.clusterId, from.nodeId))) {
    const why = proof.refused ?? `it does not name ${nodeUri(self.clusterId, from.nodeId)}`;
    return { reason: "certificate", text: `The certificate does not prove that this is node ${from.nodeId}: ${why}.` };
  }
  if (from.nodeId === self.nodeId) {
    return { reason: "self", text: `Both sides are node ${self.nodeId}: an address or an id is given to two nodes.` };
  }
  if (to !== self.nodeId || (expected !== null && from.nodeId !== expected)) {
    const [wanted, found] = to !== self.nodeId ? [to, self.nodeId] : [expected, from.nodeId];
    return { reason: "misdirected", text: `Node ${wanted} was wanted, but node ${found} answers at this address.` };
  }
  const member = acquaintance.member(from.nodeId);
  if (member === undefined) {
    return { reason: "unknown", text: `Node ${from.nodeId} is no member as far as node ${self.nodeId} knows.` };
  }
  const latest = known(from.nodeId);
  const storeId = member.storeId ?? latest?.storeId ?? from.storeId;
  if (from.storeId !== storeId) {
    return {
      reason: "store",
      text:
        `The store of node ${from.nodeId} is another one (${from.storeId}) than it was (${storeId}): a disk that was lost has forgotten its votes, ` +
        "and is never formatted again under its old id. Replace the node by one with a new id.",
    };
  }
  if (latest !== undefined && compareIncarnations(from, latest) === "older") {
    return {
      reason: "stale",
      text: `Boot ${from.bootCount} of node ${from.nodeId} is not the latest one (${latest.bootCount}): an old process, or an old copy of its store.`,
    };
  }
  return hello;
}

/** A known boot count with another boot id is a store that was rolled back, so it counts as older. */
export function compareIncarnations(candidate: Incarnation, latest: Incarnation): "older" | "same" | "newer" {
  if (candidate.bootCount > latest.bootCount) return "newer";
  return candidate.bootCount === latest.bootCount && candidate.bootId === latest.bootId ? "same" : "older";
}

const quote = (text: string): string => JSON.stringify(text);
