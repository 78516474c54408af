import { LOG_KINDS, type MultipaxosModelOptions } from "./options.js";

const WITHOUT_VOTES_HEARD = ["prepare", "promise", "accept"] as const;
const SMALL = { late: false, campaigns: [1, 2], proposals: 2 } as const;

export type MultipaxosScenario =
  | "gaps"
  | "pages"
  | "rival"
  | "restart"
  | "slowDisk"
  | "late"
  | "twice"
  | "members"
  | "replaced"
  | "everybody"
  | "pair"
  | "lostDisk";

/**
 * Small configurations of the replicated log, each about one thing. All end, most within seconds, `rival` within about a minute.
 */
export const MULTIPAXOS_SCENARIOS: Readonly<Record<MultipaxosScenario, MultipaxosModelOptions>> = {
  /** Three ballots, two slots, and an old leader that comes back: what a leader finds may have gaps, which it fills. */
  gaps: { ...SMALL, campaigns: [1, 2, 1], carries: WITHOUT_VOTES_HEARD },
  /** A promise reports one vote a page. */
  pages: { ...SMALL, carries: WITHOUT_VOTES_HEARD, settings: { frameValueBytesMax: 1 } },
  /** A leader that was replaced asks for what it misses, and is told what its rival got chosen. */
  rival: {
    ...SMALL,
    lonelyLeader: true,
    alpha: 1,
    carries: ["prepare", "promise", "accept", "accepted", "commit", "fetch", "learn"],
    rounds: [1],
  },
  /** A node crashes at any moment, and comes back with its disk. */
  restart: { ...SMALL, forbidden: true, carries: WITHOUT_VOTES_HEARD, crashes: 1 },
  /** Writes take time; a node crashes before or after. */
  slowDisk: { ...SMALL, forbidden: true, proposals: 1, carries: WITHOUT_VOTES_HEARD, slowDisk: true, crashes: 1 },
  /** Messages arrive however late, and refusals are heard. */
  late: { campaigns: [1, 2], proposals: 1, carries: [...WITHOUT_VOTES_HEARD, "reject"] },
  /** One message arrives twice. */
  twice: { ...SMALL, forbidden: true, proposals: 1, repeats: 1 },
  /** Of nodes 1 and 2 the first is replaced by node 3, while commands are proposed and both campaign; the window is two slots wide. */
  members: { late: false, nodes: 3, founders: [1, 2], changes: [[2, 3]], campaigns: [1, 2, 1], proposals: 1 },
  /** One node takes the place of another, fetches the change and leads as well: no quorum before the change meets one after it. */
  replaced: {
    late: false,
    nodes: 2,
    founders: [2],
    changes: [[1]],
    campaigns: [2, 1, 2],
    proposals: 2,
    carries: [...LOG_KINDS, "fetch", "learn"],
    rounds: [1],
  },
  /** Who votes tells everybody, and everybody counts. */
  everybody: { ...SMALL, proposals: 1, learning: "allToAll" },
  /** The leader's vote and the own one are enough to know what is chosen; writes take time. */
  pair: { ...SMALL, proposals: 1, learning: "onAccept", carries: WITHOUT_VOTES_HEARD, slowDisk: true },
  /** Broken on purpose: a node forgets its disk and goes on. */
  lostDisk: { ...SMALL, carries: WITHOUT_VOTES_HEARD, lostDisks: 1 },
};
