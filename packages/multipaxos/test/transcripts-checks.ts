import type { Ballot, Configuration, NodeId, Slot, StorageWrite } from "@synod/interface";
import { compareBallots, formatBallot, type QuorumSystem } from "@synod/paxos";
import { decodeConfigurationValue, type Message, VALUE_CONFIGURATION } from "../src/index.js";
import { checkConfiguration } from "../src/configuration-value.js";
import { describe } from "./describe.js";
import { type Disk, textOf } from "./disk.js";

/** Who decides from a slot on: the window rule once more, as plain as can be. */
interface Deciding {
  readonly epoch: number;
  readonly from: Slot;
  readonly configuration: Configuration;
  readonly quorums: QuorumSystem;
}

/** Who the members are, where nobody joins any more: a leader makes voters of those who have caught up, and drops whom they replace. */
const settled = ({ members }: Configuration): NodeId[] => {
  const gone = members.map(({ role, replaces }) =>
    role === "joining" || role === "joiningWitness" ? replaces : undefined,
  );
  return members.map(({ id }) => id).filter((id) => !gone.includes(id));
};

/** What must hold in every run, whatever a golden file says. It looks at disks and at what is handed out, never into a replica. */
export class Checks {
  readonly #deciding: Deciding[];
  readonly #proposed = new Set<string>(["noop"]);
  readonly #chosen: string[] = [];
  /** Slot and ballot to the value that was voted for in it. */
  readonly #valueOf = new Map<string, string>();
  /** Slot, ballot and value to whose disk ever held that vote. */
  readonly #voters = new Map<string, Set<NodeId>>();

  constructor(founders: Configuration) {
    this.#deciding = [
      { epoch: founders.epoch, from: 1, configuration: founders, quorums: checkConfiguration(founders) },
    ];
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
  chosen(id: NodeId, slot: Slot, value: Uint8Array): void {
    const text = textOf(value);
    const before = this.#chosen[slot - 1];
    if (before === undefined) this.#first(slot, text, value);
    else if (before !== text) throw new Error(`no agreement on slot ${slot}: ${before}, and ${text} at node ${id}`);
  }

  #first(slot: Slot, text: string, value: Uint8Array): void {
    if (slot !== this.#chosen.length + 1) throw new Error(`slot ${slot} is executed before slot ${slot - 1}`);
    if (!this.#proposed.has(text) && !this.#isPromotion(value)) throw new Error(`nobody proposed ${text}`);
    const { quorums } = this.#decidingAt(slot);
    const quorum = [...this.#voters].some(
      ([key, voters]) => key.startsWith(`s${slot} `) && key.endsWith(` ${text}`) && quorums.phase2(voters),
    );
    if (!quorum) throw new Error(`${text} is executed in slot ${slot}, and no quorum has it on disk`);
    this.#chosen.push(text);
    if (value[0] === VALUE_CONFIGURATION) this.#changes(slot, value);
  }

  #decidingAt(slot: Slot): Deciding {
    const governing = this.#deciding.filter(({ from }) => from <= slot).at(-1);
    if (governing === undefined) throw new Error(`nobody decides on slot ${slot}`);
    return governing;
  }

  #changes(slot: Slot, value: Uint8Array): void {
    const { stamp, configuration } = decodeConfigurationValue(value);
    const last = this.#deciding.at(-1);
    if (last === undefined || stamp !== last.epoch || slot < last.from) return;
    const from = slot + this.#decidingAt(slot).configuration.alpha;
    this.#deciding.push({
      epoch: configuration.epoch,
      from,
      configuration,
      quorums: checkConfiguration(configuration),
    });
  }

  #isPromotion(value: Uint8Array): boolean {
    const last = this.#deciding.at(-1);
    if (last === undefined || value[0] !== VALUE_CONFIGURATION) return false;
    return String(settled(decodeConfigurationValue(value).configuration)) === String(settled(last.configuration));
  }

  /** A witness forgets: somebody with a state machine has to have it on disk, as chosen. */
  forgets(id: NodeId, index: Slot, holders: number): void {
    if (holders === 0) throw new Error(`witness ${id} forgets slot ${index}, which no full member has as chosen`);
  }

  /** A read that was asked when `executed` was `before` is answered from the state after `applied`. */
  answered(id: NodeId, before: Slot, applied: Slot): void {
    if (applied < before) throw new Error(`stale read at node ${id}: it sees ${applied} of ${before} slots`);
  }
}
