import { type Slot, type SnapshotSink, SynodError, type Versions } from "@synod/interface";
import {
  decodeBatch,
  FIRST_VERSIONS,
  higherVersions,
  isBatch,
  type MachineSnapshot,
  type Outcome,
  type ReplicatedMachine,
  versionsAbove,
} from "@synod/rsm";

/** What stands behind the head in a snapshot of a witness: the slot up to which it has forgotten, lowest byte first. */
export function witnessBody(index: Slot): Uint8Array {
  const body = new Uint8Array(8);
  new DataView(body.buffer).setBigUint64(0, BigInt(index), true);
  return body;
}

const nothing = (): SynodError => new SynodError("InvalidArgument", "a witness has no state: ask another node");

/** In place of a state machine: counts slots, and stops the node before versions that its release does not support. */
export class WitnessMachine implements ReplicatedMachine<never, never> {
  readonly supports: Versions;
  readonly timeMs = 0;
  readonly chainHash = "";
  readonly sessionCount = 0;
  #applied: Slot = 0;
  #versions: Versions = FIRST_VERSIONS;

  constructor(supports: Versions) {
    this.supports = supports;
  }

  get applied(): Slot {
    return this.#applied;
  }

  get versions(): Versions {
    return this.#versions;
  }

  apply(slot: Slot, value: Uint8Array): readonly Outcome[] {
    const outcomes: Outcome[] = [];
    const entries = isBatch(value) ? decodeBatch(value).entries : [];
    for (const [index, entry] of entries.entries()) {
      if (entry.kind !== "raise") continue;
      const above = versionsAbove(this.supports, entry.versions);
      if (above.length > 0) {
        const text = `Slot ${slot} of the log needs a higher version of: ${above.join(", ")}. Start this witness with the release of the other members.`;
        throw new SynodError("VersionUnsupported", text, {
          details: { needed: entry.versions, supported: this.supports },
        });
      }
      const versions = higherVersions(this.#versions, entry.versions);
      const changed = versionsAbove(this.#versions, versions).length > 0;
      this.#versions = versions;
      outcomes.push({ kind: "raised", index, versions, changed });
    }
    this.#applied = slot;
    return outcomes;
  }

  restore(): SnapshotSink {
    const bytes: number[] = [];
    return {
      write: (chunk) => {
        if (bytes.length + chunk.length > 8) throw malformed();
        bytes.push(...chunk);
      },
      end: () => {
        if (bytes.length !== 8) throw malformed();
        this.#applied = Number(new DataView(Uint8Array.from(bytes).buffer).getBigUint64(0, true));
      },
    };
  }

  query(): never {
    throw nothing();
  }

  watch(): undefined {
    return undefined;
  }

  digest(): string {
    throw nothing();
  }

  machineDigest(): null {
    return null;
  }

  nextDeadline(): null {
    return null;
  }

  snapshot(): MachineSnapshot {
    throw nothing();
  }
}

const malformed = (): SynodError => new SynodError("Malformed", "this is no snapshot of a witness");
