import type { Clock, NodeId, Slot, Transport } from "@synod/interface";
import { Outbox, type Send } from "@synod/multipaxos";
import { Announcements } from "./announcements.js";
import type { Wire } from "./wire.js";

export interface SendingOptions {
  readonly wire: Pick<Wire, "encode">;
  readonly transport: Pick<Transport, "send">;
  readonly clock: Pick<Clock, "timer">;
  /** Runs something in a turn. */
  readonly inTurn: (run: () => void) => void;
  /** Whether a change of the members is under way. */
  readonly isChanging: () => boolean;
  /** Nothing leaves any more. */
  readonly stopped: () => boolean;
}

/** Messages on their way out: none before the write that it waits for, and none that another one carries along. */
export class Sending {
  readonly #o: SendingOptions;
  readonly #outbox = new Outbox();
  readonly #announcements: Announcements;

  constructor(options: SendingOptions) {
    this.#o = options;
    this.#announcements = new Announcements({
      after: (ms, run) => void options.clock.timer(ms, () => options.inTurn(run)),
      send: (sends) => this.#leave(sends),
      isChanging: options.isChanging,
    });
  }

  /** What the replica wants sent. */
  add(sends: readonly Send[]): void {
    this.#leave(this.#announcements.pass(this.#outbox.add(sends)));
  }

  /** A write is durable: what waited for it leaves. */
  durable(id: number): void {
    this.#leave(this.#announcements.pass(this.#outbox.durable(id)));
  }

  /** What waits for nothing. */
  send(send: Send): void {
    this.#leave([send]);
  }

  /** A command of callers of this member is proposed in this slot: it is to hear soon when that is chosen. */
  awaits(member: NodeId, slot: Slot): void {
    this.#announcements.awaits(member, slot);
  }

  #leave(sends: readonly Send[]): void {
    const { wire, transport, stopped } = this.#o;
    for (const { to, message, lane } of sends) {
      const frame = stopped() ? null : wire.encode(message);
      if (frame !== null) transport.send(to, frame, lane);
    }
  }
}
