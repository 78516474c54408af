import type { Ballot, Configuration, QuorumSpec, Slot, StorageWrite, Vote } from "@synod/interface";
import {
  ConfigurationHistory,
  decodeConfigurationValue,
  NOOP,
  type ReplicaOptions,
  VALUE_BATCH,
  VALUE_CONFIGURATION,
} from "../src/index.js";

export function configurationOf(
  nodes: number,
  alpha: number,
  quorum: QuorumSpec = { kind: "majority" },
): Configuration {
  return { epoch: 1, members: Array.from({ length: nodes }, (_, i) => ({ id: i + 1 })), alpha, quorum };
}

/** Head of a snapshot where the configuration never changed. */
export function headOf(configuration: Configuration): Uint8Array {
  return new ConfigurationHistory(configuration).encode(0);
}

/** A batch value whose body is the text. */
export function valueOf(text: string): Uint8Array {
  const body = new TextEncoder().encode(text);
  const value = new Uint8Array(1 + body.length);
  value[0] = VALUE_BATCH;
  value.set(body, 1);
  return value;
}

/** The text of a value; `noop` for a no-op, `epoch-2[1,2,4-joining]` for a configuration. */
export function textOf(value: Uint8Array): string {
  if (value[0] === VALUE_CONFIGURATION) {
    const { epoch, members } = decodeConfigurationValue(value).configuration;
    const names = members.map(({ id, role }) => (role === undefined ? id : `${id}-${role}`));
    return `epoch-${epoch}[${names.join(",")}]`;
  }
  return value[0] === NOOP[0] ? "noop" : new TextDecoder().decode(value.subarray(1));
}

/** What one node has on disk, as `Storage` would return it. */
export class Disk {
  promised: Ballot | null = null;
  readonly votes: Map<Slot, Vote> = new Map();
  readonly chosen: Map<Slot, Uint8Array> = new Map();
  chosenUpTo: Slot = 0;
  leaseMs = 0;
  #damagedUpTo = 0;

  /** Writes of these slots are lost, of which the last header still tells, and with them the mark above. */
  damage(slots: readonly Slot[]): void {
    this.#damagedUpTo = Math.max(this.#damagedUpTo, ...this.votes.keys(), ...this.chosen.keys());
    for (const slot of slots) {
      this.votes.delete(slot);
      this.chosen.delete(slot);
      this.chosenUpTo = Math.min(this.chosenUpTo, slot - 1);
    }
  }

  apply(write: StorageWrite): void {
    if (write.promised !== undefined) this.promised = write.promised;
    for (const vote of write.votes) this.votes.set(vote.slot, vote);
    for (const { slot, value } of write.chosen) this.chosen.set(slot, value);
    this.chosenUpTo = write.chosenUpTo ?? this.chosenUpTo;
    this.leaseMs = Math.max(this.leaseMs, write.leaseMs ?? 0);
  }

  recovered(): ReplicaOptions["recovered"] {
    return {
      promised: this.promised,
      votes: [...this.votes.values()].sort((a, b) => a.slot - b.slot),
      chosen: [...this.chosen].map(([slot, value]) => ({ slot, value })).sort((a, b) => a.slot - b.slot),
      chosenUpTo: this.chosenUpTo,
      leaseMs: this.leaseMs,
      snapshot: null,
      ...(this.#damagedUpTo === 0
        ? {}
        : { damage: { upTo: this.#damagedUpTo, places: [{ file: "log", offset: 0, what: "rot" }] } }),
    };
  }
}
