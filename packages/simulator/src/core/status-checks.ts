import type { NodeId } from "@synod/interface";
import { check } from "./broken.js";
import type { CoreNodeParts, Life } from "./life.js";
import { rankOf, rankText } from "./values.js";

/** A configuration is larger than the values of clients. */
const CHANGE_BYTES = 500;

/** Looks at what a replica says of itself. Returns the rank of the promise in memory. */
export function checkStatus(
  id: NodeId,
  life: Life,
  { settings, valueBytesMax, changes, oracle, world }: CoreNodeParts,
): number {
  const alpha = oracle.epochs.alphaMax;
  const largest = changes ? CHANGE_BYTES : valueBytesMax;
  const status = life.replica.status();
  const promised = rankOf(status.promised);
  check(
    promised >= life.promised,
    "promise never falls",
    () => `node ${id}: from ${rankText(life.promised)} to ${rankText(promised)}`,
  );
  life.promised = promised;
  const { applied, chosenUpTo } = status;
  check(
    applied >= life.most.applied && chosenUpTo >= life.most.chosenUpTo && applied <= chosenUpTo,
    "nothing goes back",
    () => `node ${id}: applied ${applied} and chosen ${chosenUpTo}, after ${JSON.stringify(life.most)}`,
  );
  life.most = { applied, chosenUpTo };
  const tail = (status.snapshot?.index ?? 0) - status.compactedUpTo;
  const tailMax = settings.retainedBytesMax ?? Infinity;
  check(tail * 64 <= tailMax, "memory bounds", () => `node ${id} keeps ${tail} slots that its snapshot has`);
  const { openSlots, openBytes } = status;
  for (const { sentBytes, withheldBytes } of status.peers) {
    const { creditBytesMax = Infinity } = settings;
    const text = (): string => `node ${id} has ${sentBytes} bytes on the way to one peer`;
    check(sentBytes <= Math.max(creditBytesMax, largest), "memory bounds", text);
    if (withheldBytes > 0) world.sometimes("values held back for lack of credit");
  }
  check(
    openSlots <= alpha && openBytes <= (settings.inFlightBytesMax ?? Infinity) + 2 * alpha * valueBytesMax + largest,
    "memory bounds",
    () => `node ${id} has ${openSlots} slots with ${openBytes} bytes open`,
  );
  return promised;
}
