import type { Ballot, Configuration, NodeId, Slot, StorageWrite } from "@synod/interface";
import { compareBallots, formatBallot, quorumSystem, type QuorumSystem } from "@synod/paxos";
import type { Message } from "../src/index.js";
import { describe } from "./describe.js";
import { type Disk, textOf } from "./disk.js";

/** What must hold in every run, whatever a golden file says. It looks at disks and at what is handed out, never into a replica. */
export class Checks {
  readonly #quorums: QuorumSystem;
  readonly #proposed = new Set<string>(["noop"]);
  readonly #chosen: string[] = [];
  /** Slot and ballot to the value that was voted for in it. */
  readonly #valueOf = new Map<string, string>();
  /** Slot, ballot and value to whose disk ever held that vote. */
  readonly #voters = new Map<string, Set<NodeId>>();

  constructor({ quorum, members }: Configuration) {
    this.#quorums = quorumSystem(
      quorum,
      members.map(({ id }) => id),
    );
  }

  /** How much of the log somebody has executed. */
  get executed(): Slot {
    return this.#chosen.length;
  }

  proposed(text: string): void {
    this.#proposed.add(text);
  }

  /** A write is about to become durable. */
  durable(id: NodeId, disk: Disk, write: StorageWrite): void {
    const { promised } = write;
    if (promised !== undefined && compareBallots(promised, disk.promised) < 0) {
      throw new Error(`node ${id} takes back its promise of ${formatBallot(disk.promised)}`);
    }
    for (const { slot, ballot, value } of write.votes) {
      const text = textOf(value);
      const key = `s${slot} in ${formatBallot(ballot)}`;
      const before = this.#valueOf.get(key) ?? text;
      if (before !== text) throw new Error(`two values for ${key}: ${before} and ${text}`);
      this.#valueOf.set(key, text);
      const voters = this.#voters.get(`s${slot} ${formatBallot(ballot)} ${text}`) ?? new Set();
      this.#voters.set(`s${slot} ${formatBallot(ballot)} ${text}`, voters.add(id));
    }
  }

  /** A message leaves. What it says of the disk must be on the disk. */
  leaves(id: NodeId, disk: Disk, message: Message): void {
    const written = (slot: Slot, ballot: Ballot): boolean =>
      slot <= disk.chosenUpTo || compareBallots(disk.votes.get(slot)?.ballot ?? null, ballot) >= 0;
    const isTrue = ((): boolean => {
      switch (message.kind) {
        case "prepare":
          return compareBallots(disk.promised, message.ballot) >= 0;
        case "promise":
          return (
            compareBallots(disk.promised, message.ballot) >= 0 &&
            message.votes.every(({ slot, ballot }) => written(slot, ballot))
          );
        case "accepted":
          return message.slots.every(([first, last]) => {
            for (let slot = first; slot <= last; slot++) if (!written(slot, message.ballot)) return false;
            return true;
          });
        default:
          return true;
      }
    })();
    if (!isTrue) throw new Error(`node ${id} says what is not on its disk: ${describe(message)}`);
  }

  /** A node is handed a chosen value to execute. */
  chosen(id: NodeId, slot: Slot, text: string): void {
    const before = this.#chosen[slot - 1];
    if (before === undefined) this.#first(slot, text);
    else if (before !== text) throw new Error(`no agreement on slot ${slot}: ${before}, and ${text} at node ${id}`);
  }

  #first(slot: Slot, text: string): void {
    if (slot !== this.#chosen.length + 1) throw new Error(`slot ${slot} is executed before slot ${slot - 1}`);
    if (!this.#proposed.has(text)) throw new Error(`nobody proposed ${text}`);
    const quorum = [...this.#voters].some(
      ([key, voters]) => key.startsWith(`s${slot} `) && key.endsWith(` ${text}`) && this.#quorums.phase2(voters),
    );
    if (!quorum) throw new Error(`${text} is executed in slot ${slot}, and no quorum has it on disk`);
    this.#chosen.push(text);
  }

  /** A read that was asked when `executed` was `before` is answered from the state after `applied`. */
  answered(id: NodeId, before: Slot, applied: Slot): void {
    if (applied < before) throw new Error(`stale read at node ${id}: it sees ${applied} of ${before} slots`);
  }
}
