import type { LogDamage, Logger, Metrics, Slot } from "@synod/interface";

/** Why a node takes no part in quorums, and until when. Null if it does. */
export function whyNotVoting(
  damage: LogDamage | undefined,
  { voting, durableUpTo }: { readonly voting: boolean; readonly durableUpTo: Slot },
): string | null {
  if (voting || damage === undefined) return null;
  const [first, ...others] = damage.places;
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  return (
    `its log is damaged (${first?.file} at byte ${first?.offset}${more}): it only learns until everything up to slot ${damage.upTo} is chosen and on ` +
    `its disk, ${durableUpTo} by now. If that never comes, replace the node: remove its id and add a new one`
  );
}

/** Each damaged place is worth a line at every start, repaired or not: disks that rot go on rotting. */
export function announceDamage(damage: LogDamage | undefined, voting: boolean, logger: Logger, metrics: Metrics): void {
  metrics.gauge("synod_voting", voting ? 1 : 0);
  metrics.gauge("synod_log_damaged_places", damage?.places.length ?? 0);
  for (const { file, offset, what } of damage?.places ?? []) {
    const text = voting
      ? "the log is damaged in a part that was repaired since"
      : "the log is damaged: this node only learns";
    logger.error(text, { file, offset, what, upTo: damage?.upTo });
  }
}
