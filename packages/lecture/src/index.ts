export { type Invariant, invariantsOf, type Violation, violationOf } from "./check.js";
export {
  type Detected,
  detectorTimeout,
  type FailureDetector,
  failureDetector,
  heartbeat,
  leaderAmong,
} from "./detectors.js";
export { circleOf, judge, type Verdict, waitingAfterAll } from "./judge.js";
export { beginRun, extend, lastWorld, playScript, replay, type Run, settle } from "./play.js";
export { LADDER, PROTOCOLS } from "./protocols/index.js";
export { type Moment, type Pair, PAIRS, playPair } from "./pairs.js";
export { raftCountsCopies } from "./protocols/raft-counts-copies.js";
export { WHAT_IFS, type WhatIf } from "./protocols/what-if.js";
export { playScenario, runSearch, type Scenario, type ScenarioSearch } from "./scenario.js";
export { SCENARIOS } from "./scenarios/index.js";
export {
  type Bounds,
  choices,
  createSearch,
  type Goal,
  search,
  type Search,
  type SearchOptions,
  type SearchReport,
} from "./search.js";
export {
  type Body,
  broadcast,
  type Effect,
  execute,
  majority,
  type Message,
  NOOP,
  note,
  numberOf,
  others,
  type ProcessId,
  type Protocol,
  refuse,
  type Request,
  send,
  type ServerState,
  type Value,
  type Vote,
} from "./shape.js";
export { nextWorld, step } from "./step.js";
export { type Arrow, labelOf, type Mark, type Phase, phaseOf, type Row } from "./trace.js";
export {
  type Action,
  type Answer,
  type Ballots,
  createWorld,
  type Decision,
  type Flight,
  isCut,
  type Issued,
  type Server,
  type Spending,
  type World,
} from "./world.js";
