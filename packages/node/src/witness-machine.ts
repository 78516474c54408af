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

const NUMBER_BYTES = 8;

/**
 * What stands behind the head in a snapshot of a witness: the slot up to which it has forgotten and, unless an older release wrote it, the
 * versions that it saw coming into force (wire, log, machine); 8 bytes each, lowest byte first.
 */
export function witnessBody(index: Slot, versions?: Versions): Uint8Array {
  const numbers = [index, ...(versions === undefined ? [] : [versions.wire, versions.log, versions.machine])];
  const body = new Uint8Array(NUMBER_BYTES * numbers.length);
  const view = new DataView(body.buffer);
  for (const [i, number] of numbers.entries()) view.setBigUint64(NUMBER_BYTES * i, BigInt(number), true);
  return body;
}

const nothing = (): SynodError => new SynodError("InvalidArgument", "a witness has no state: ask another node");

/** In place of a state machine: counts slots, and stops the node before versions that its release does not support. */
export class WitnessMachine implements ReplicatedMachine<never, never> {
  readonly supports: Versions;
  readonly timeMs = 0;
  readonly timedBy = null;
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
      const changed = this.#raise(`Slot ${slot} of the log`, entry.versions);
      outcomes.push({ kind: "raised", index, versions: this.#versions, changed });
    }
    this.#applied = slot;
    return outcomes;
  }

  /** @returns whether any version is higher than before */
  #raise(what: string, raised: Versions): boolean {
    const above = versionsAbove(this.supports, raised);
    if (above.length > 0) {
      const text = `${what} needs a higher version of: ${above.join(", ")}. Start this witness with the release of the other members.`;
      throw new SynodError("VersionUnsupported", text, { details: { needed: raised, supported: this.supports } });
    }
    const before = this.#versions;
    this.#versions = higherVersions(before, raised);
    return versionsAbove(before, this.#versions).length > 0;
  }

  restore(): SnapshotSink {
    const bytes: number[] = [];
    return {
      write: (chunk) => {
        if (bytes.length + chunk.length > 4 * NUMBER_BYTES) throw malformed();
        bytes.push(...chunk);
      },
      end: () => {
        const view = new DataView(Uint8Array.from(bytes).buffer);
        const count = bytes.length / NUMBER_BYTES;
        if (count !== 1 && count !== 4) throw malformed();
        const [index, wire, log, machine] = Array.from({ length: count }, (_, i) =>
          Number(view.getBigUint64(NUMBER_BYTES * i, true)),
        );
        if (wire !== undefined && log !== undefined && machine !== undefined) {
          this.#raise("What this witness has forgotten", { wire, log, machine });
        }
        this.#applied = index ?? 0;
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
