import type { Audit } from "./ledger.js";
import { assertTrue, type Tour } from "./step.js";
import { tableLines } from "./table.js";

const LOAD_PER_SECOND = 1000;

export const ms = (value: number): string => `${Math.round(value)} ms`;

export const seenTable = ({ supervisor }: Tour): string =>
  `the table says\n${tableLines(supervisor.view()).join("\n")}`;

/** Each command of this load is in the ledger. */
export function startLoad({ supervisor, ledger }: Tour): void {
  supervisor.customLoad(
    LOAD_PER_SECOND,
    () => ledger.next(),
    (outcome) => ledger.settled(outcome),
  );
}

/** @throws Untrue */
export async function endLoad({ supervisor, expect }: Tour): Promise<void> {
  supervisor.load(0);
  await expect(
    "every command under way to end",
    () => supervisor.loadOpen === 0,
    () => `${supervisor.loadOpen} are still open`,
  );
}

/** @throws Untrue */
export async function allEqual(tour: Tour): Promise<void> {
  const { supervisor, expect } = tour;
  const areEqual = (): boolean =>
    new Set(supervisor.view().replicas.map(({ applied, hash, state }) => `${state} ${applied} ${hash}`)).size === 1;
  await expect("the same applied slot and hash at every replica", areEqual, () => seenTable(tour));
  const digests = await Promise.all(supervisor.ids.map((id) => supervisor.digest(id)));
  const texts = new Set(digests.map(({ applied, digest }) => `${applied} ${digest}`));
  assertTrue(texts.size === 1, "one digest of the whole state", `there are ${texts.size}: ${[...texts].join("; ")}`);
}

/** @throws Untrue */
export function assertAudit({ lost, ghosts, counter, acknowledged }: Audit): void {
  const some = (keys: readonly string[]): string => keys.slice(0, 3).join(", ");
  assertTrue(
    lost.length === 0,
    `all ${acknowledged} acknowledged keys`,
    `${lost.length} are lost, such as ${some(lost)}`,
  );
  assertTrue(
    ghosts.length === 0,
    "no trace of refused writes",
    `${ghosts.length} took effect, such as ${some(ghosts)}`,
  );
  const { value, least, most } = counter;
  assertTrue(
    value >= least && value <= most,
    `a counter from ${least} to ${most}`,
    `it is ${value}: not executed exactly once`,
  );
}
