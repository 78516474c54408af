import type { Driver } from "./driver.js";
import { acceptor } from "./drivers/acceptor.js";
import { apply } from "./drivers/apply.js";
import { ballots } from "./drivers/ballots.js";
import { failures, leaders } from "./drivers/detectors.js";
import { durability } from "./drivers/durability.js";
import { election } from "./drivers/election.js";
import { learner } from "./drivers/learner.js";
import { leases } from "./drivers/leases.js";
import { oneSlotAcceptor } from "./drivers/one-slot-acceptor.js";
import { oneSlotProposer } from "./drivers/one-slot-proposer.js";
import { proposer } from "./drivers/proposer.js";
import { quorums } from "./drivers/quorums.js";
import { reconfiguration } from "./drivers/reconfiguration.js";
import { sessions } from "./drivers/sessions.js";
import { twoServers } from "./drivers/two-servers.js";
import { type Case, NotationError } from "./notation.js";

/** Who answers a case: all of these, alike. */
export interface Group {
  readonly drivers: readonly Driver[];
}

/** By the letters of the ID. */
const GROUPS = new Map<string, (one: Case) => Group>([
  ["BAL", () => ({ drivers: [ballots] })],
  ["QRM", () => ({ drivers: [quorums] })],
  ["ACC", (one) => ({ drivers: isOneSlot(one) ? [oneSlotAcceptor, acceptor] : [acceptor] })],
  ["MAC", () => ({ drivers: [acceptor] })],
  ["PRO", (one) => ({ drivers: [isOneSlot(one) ? oneSlotProposer : proposer] })],
  ["MPR", () => ({ drivers: [proposer] })],
  ["LRN", () => ({ drivers: [learner] })],
  ["APL", () => ({ drivers: [apply] })],
  ["DUR", () => ({ drivers: [durability] })],
  ["BLE", () => ({ drivers: [election] })],
  ["SES", () => ({ drivers: [sessions] })],
  ["LSE", () => ({ drivers: [leases] })],
  ["CFG", () => ({ drivers: [reconfiguration] })],
  ["FD", () => ({ drivers: [failures] })],
  ["LD", () => ({ drivers: [leaders] })],
  ["TWO", () => ({ drivers: [twoServers] })],
]);

/** By an input that only one group has; the first that fits. */
const INPUTS: readonly (readonly [RegExp, string])[] = [
  [/^(CMP|NEXT|INTROUND|OWNER|VALID)\b/i, "BAL"],
  [/^(MAJORITY|SIZES|TOLERATES|GRID|FAST)\b/i, "QRM"],
  [/^(FSYNC|CRASH|LEAD)\b/i, "DUR"],
  [/^(PROM|REJ|ACK) n|^PREP seen\b|^START$/i, "MPR"],
  [/^LRN n/i, "LRN"],
  [/^(COMMIT|LEARN|VOTE|INSTALL)\b/i, "APL"],
  [/^ROUND$/i, "BLE"],
  [/^(OPEN|CMD|EXPIRE)\b/i, "SES"],
  [/^(SENT|GRANTED|GRANTOR)\b/i, "LSE"],
  [/\bCONFIG\b|^MAY PROPOSE\b/i, "CFG"],
  [/^HB_/i, "FD"],
  [/^LEADER$/i, "LD"],
  [/^(PEER_DOWN|TIMER|LRN \d)/i, "TWO"],
  [/^(PREP|ACC) \S+\.\d+ /i, "MAC"],
];

/** The group of a case: by its ID, else by what it does. */
export function groupOf(one: Case): Group {
  const [letters = ""] = /^[A-Z]+/i.exec(one.id) ?? [];
  const byId = GROUPS.get(letters.toUpperCase());
  if (byId !== undefined) return byId(one);
  for (const [form, name] of INPUTS) {
    if (one.steps.some(({ input }) => form.test(input))) return GROUPS.get(name)?.(one) ?? { drivers: [] };
  }
  throw new NotationError(`no group of cases is called ${letters || one.id}: ${[...GROUPS.keys()].join(" ")}`);
}

/** Whether a case names no slot but slot 1, so that it is about one decision. */
function isOneSlot({ start, steps }: Case): boolean {
  if (["snap", "adu", "applied", "alpha"].some((key) => (start.get(key) ?? "0") !== "0")) return false;
  const text = [start.get("votes") ?? "", ...steps.flatMap(({ input, outputs }) => [input, ...outputs])].join("\n");
  if (/\bupto\b|^SNAPSHOT\b|^FETCH\b/im.test(text)) return false;
  const slots = [/\bs(\d+)\b/g, /[{,]\s*s?(\d+):/g, /\bfrom s?(\d+)\b/g].flatMap((form) => [...text.matchAll(form)]);
  return slots.every(([, slot]) => slot === "1");
}
