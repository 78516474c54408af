import type { Scenario } from "../scenario.js";
import { MAJORITY_SCENARIOS } from "./majorities.js";
import { MANY_DECISION_SCENARIOS } from "./many-decisions.js";
import { ONE_DECISION_SCENARIOS } from "./one-decision.js";
import { PROMISE_SCENARIOS } from "./promises.js";
import { RAFT_SCENARIOS } from "./raft.js";
import { TWO_SERVER_SCENARIOS } from "./two-servers.js";
import { WHAT_IF_SCENARIOS } from "./what-ifs.js";

/** Every scenario, in the order in which they are best read. */
export const SCENARIOS: readonly Scenario[] = [
  ...TWO_SERVER_SCENARIOS,
  ...MAJORITY_SCENARIOS,
  ...PROMISE_SCENARIOS,
  ...MANY_DECISION_SCENARIOS,
  ...ONE_DECISION_SCENARIOS,
  ...RAFT_SCENARIOS,
  ...WHAT_IF_SCENARIOS,
];
