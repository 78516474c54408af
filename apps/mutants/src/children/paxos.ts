import { createSearch, paxosModel } from "@synod/explorer";
import type { PaxosFinder } from "../mutant.js";
import { type Finding, runChild } from "./child.js";

/** Looks at everything that two proposers and three acceptors can do, and stops at the nearest broken rule. */
function look(finder: PaxosFinder): Finding {
  const report = createSearch(paxosModel(finder), { statesMax: finder.states }).run();
  const steps = report.path?.actions.length ?? 0;
  const { violation } = report;
  const saw = violation === null ? "" : `${violation}: after ${steps} steps`;
  return { found: violation !== null, looked: report.states, unit: "states", saw };
}

runChild(look);
