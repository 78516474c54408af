import { runChild, type Finding } from "./child.js";
import { brokenTopology } from "./topology-runs.js";
import type { TopologyFinder } from "../mutant.js";

function look({ links, runs }: TopologyFinder): Finding {
  for (let looked = 1; looked <= runs; looked++) {
    const broken = brokenTopology(links, looked);
    if (broken !== null) return { found: true, looked, unit: "runs", saw: broken };
  }
  return { found: false, looked: runs, unit: "runs", saw: "" };
}

runChild(look);
