import { createSearch, referenceModel } from "@synod/explorer";
import type { ReferenceFinder } from "../mutant.js";
import { type Finding, runChild } from "./child.js";

/** Looks at every state of the textbook model of one decision, with or without its built-in mistake. */
function look({ bug, states }: ReferenceFinder): Finding {
  const report = createSearch(referenceModel({ bug }), { statesMax: states }).run();
  const { violation, path } = report;
  const saw = violation === null ? "" : `${violation}: after ${path?.actions.length ?? 0} steps`;
  return { found: violation !== null, looked: report.states, unit: "states", saw };
}

runChild(look);
