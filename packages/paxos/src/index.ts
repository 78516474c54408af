export * from "./acceptor.js";
export * from "./ballots.js";
export * from "./learner.js";
export * from "./lecture-rounds.js";
export * from "./messages.js";
export * from "./proposer.js";
export * from "./quorum-sizes.js";
export * from "./quorums.js";
