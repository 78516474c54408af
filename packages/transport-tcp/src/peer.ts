import type { Incarnation, Lane, NodeId } from "@synod/interface";
import type { Address } from "./address.js";
import { compareIncarnations } from "./judge.js";
import type { Context } from "./context.js";
import { OutgoingLink } from "./outgoing.js";

export interface PeerOptions {
  readonly context: Context;
  readonly id: NodeId;
  readonly address: Address;
  onUp(peer: Incarnation): void;
  onDown(id: NodeId): void;
}

/**
 * The way to one peer: a connection for each lane, so that a heartbeat never waits behind a snapshot, neither in a queue of
 * ours nor in a socket buffer. Up once both lanes are connected, down when both are gone.
 */
export class Peer {
  readonly #options: PeerOptions;
  #address: Address;
  readonly #links: Readonly<Record<Lane, OutgoingLink>>;
  /** Whom `onUp` told of. */
  #announced: Incarnation | null = null;

  constructor(options: PeerOptions) {
    this.#options = options;
    this.#address = options.address;
    this.#links = { control: this.#link("control"), bulk: this.#link("bulk") };
  }

  dial(): void {
    for (const link of this.#all()) link.dial();
  }

  moveTo(address: Address): void {
    if (address.host === this.#address.host && address.port === this.#address.port) return;
    this.#address = address;
    for (const link of this.#all()) link.moveTo(address);
  }

  send(frame: readonly [Uint8Array, Uint8Array], lane: Lane): boolean {
    return this.#links[lane].send(frame);
  }

  /** The peer has shown itself, by dialing or by answering. */
  met(peer: Incarnation, isNew: boolean): void {
    const isOutdated = (other: Incarnation | null): boolean =>
      other !== null && compareIncarnations(other, peer) === "older";
    const outdated = this.#all().filter((link) => isOutdated(link.incarnation));
    for (const link of outdated) link.restart("the peer has restarted");
    // One lane may be connected to the new incarnation already, so that the peer was never down as a whole.
    if (isOutdated(this.#announced)) this.#down();
    for (const link of this.#all()) link.hurry(isNew);
  }

  /** Whoever is connected and is somebody else than is wanted by now has to shake hands again. */
  part(isOther: (peer: Incarnation) => boolean): void {
    for (const link of this.#all()) {
      if (link.incarnation !== null && isOther(link.incarnation)) link.restart("its store is another one");
    }
  }

  close(): void {
    for (const link of this.#all()) link.close();
  }

  #all(): readonly OutgoingLink[] {
    return [this.#links.control, this.#links.bulk];
  }

  #link(lane: Lane): OutgoingLink {
    const { context, id, address } = this.#options;
    const [onUp, onDown] = [(): void => this.#linkUp(), (): void => this.#linkDown()];
    return new OutgoingLink({ context, peer: id, address, lane, onUp, onDown });
  }

  #linkUp(): void {
    const { control, bulk } = this.#links;
    if (this.#announced || !control.incarnation || !bulk.incarnation) return;
    this.#announced = control.incarnation;
    this.#options.onUp(control.incarnation);
  }

  #linkDown(): void {
    const { control, bulk } = this.#links;
    if (this.#announced && !control.incarnation && !bulk.incarnation) this.#down();
  }

  #down(): void {
    this.#announced = null;
    this.#options.onDown(this.#options.id);
  }
}
