import type { NoiseFinder } from "../mutant.js";
import { type Finding, firstLine, runChild } from "./child.js";
import { brokenByNoise } from "./noise-run.js";

function look({ runs }: NoiseFinder): Finding {
  for (let looked = 1; looked <= runs; looked++) {
    const broken = brokenByNoise(looked);
    if (broken !== null) return { found: true, looked, unit: "runs", saw: firstLine(broken) };
  }
  return { found: false, looked: runs, unit: "runs", saw: "" };
}

runChild(look);
