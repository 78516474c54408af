import type { CoreFinder } from "../mutant.js";
import { type Finding, firstLine, runChild } from "./child.js";
import { runCore } from "./core-runs.js";

function look({ profile = "short", schedules, start = 1 }: CoreFinder): Finding {
  for (let looked = 1; looked <= schedules; looked++) {
    const broken = runCore(start + looked - 1, profile);
    if (broken !== null) return { found: true, looked, unit: "schedules", saw: firstLine(broken) };
  }
  return { found: false, looked: schedules, unit: "schedules", saw: "" };
}

runChild(look);
