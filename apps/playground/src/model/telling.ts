import { figureOf, textOf } from "./figure.js";
import type { Stage } from "./state.js";
import { branchOf } from "./tree.js";
import { findingOf } from "./verdict.js";

/** What is shown, as lines of text: its rows, and what the checker says of them. */
export function tellingOf(stage: Stage): string {
  const { scenario, protocol, tree } = stage;
  const rows = figureOf(branchOf(tree)).rows.slice(0, tree.at);
  return textOf(scenario?.title ?? protocol.title, rows, findingOf(stage).words);
}
