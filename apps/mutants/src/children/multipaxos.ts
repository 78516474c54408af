import { createSearch, multipaxosModel, MULTIPAXOS_SCENARIOS } from "@synod/explorer";
import type { MultipaxosFinder } from "../mutant.js";
import { type Finding, runChild } from "./child.js";

/** Looks at everything that the replicas of a scenario can do, and stops at the nearest broken rule. */
function look({ scenario, states }: MultipaxosFinder): Finding {
  const model = multipaxosModel(MULTIPAXOS_SCENARIOS[scenario]);
  const report = createSearch(model, { statesMax: states }).run();
  const { violation, path } = report;
  const objection = path === null ? null : model.view(path.states.at(-1) ?? []).objection;
  const saw = violation === null ? "" : `${objection ?? violation}: after ${path?.actions.length ?? 0} steps`;
  return { found: violation !== null, looked: report.states, unit: "states", saw };
}

runChild(look);
