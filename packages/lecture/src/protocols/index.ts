import type { Protocol } from "../shape.js";
import { allToAll } from "./all-to-all.js";
import { basicPaxos } from "./basic-paxos.js";
import { buffer } from "./buffer.js";
import { commit } from "./commit.js";
import { distinguishedProposer } from "./distinguished-proposer.js";
import { discard } from "./discard.js";
import { firstProposal } from "./first-proposal.js";
import { fiveServers } from "./five-servers.js";
import { leader } from "./leader.js";
import { leaderIds } from "./leader-ids.js";
import { learn } from "./learn.js";
import { multiPaxos } from "./multi-paxos.js";
import { oneAcceptor } from "./one-acceptor.js";
import { promises } from "./promises.js";
import { raft } from "./raft.js";
import { raftCountsCopies } from "./raft-counts-copies.js";
import { reports } from "./reports.js";
import { resend } from "./resend.js";
import { retransAccept } from "./retrans-accept.js";
import { rounds } from "./rounds.js";
import { singleServer } from "./single-server.js";
import { synodMultipaxos } from "./synod-multipaxos.js";
import { synodPaxos } from "./synod-paxos.js";
import { takeover } from "./takeover.js";
import { threePhaseCommit } from "./three-phase-commit.js";
import { threeServers } from "./three-servers.js";
import { twoPhaseCommit } from "./two-phase-commit.js";
import { twoServers } from "./two-servers.js";
import { waitForLearn } from "./wait-for-learn.js";
import { WHAT_IFS } from "./what-if.js";
import { workedExample } from "./worked-example.js";

/** The ladder, from one server to Multi-Paxos, Paxos for one decision, and both as they are shipped. */
export const LADDER: readonly Protocol[] = [
  singleServer,
  twoServers,
  leader,
  discard,
  buffer,
  learn,
  retransAccept,
  takeover,
  waitForLearn,
  threeServers,
  leaderIds,
  rounds,
  promises,
  reports,
  resend,
  fiveServers,
  allToAll,
  commit,
  multiPaxos,
  basicPaxos,
  synodPaxos,
  synodMultipaxos,
];

/** All protocols: the ladder, and what stands beside it. */
export const PROTOCOLS: readonly Protocol[] = [
  ...LADDER,
  twoPhaseCommit,
  threePhaseCommit,
  oneAcceptor,
  firstProposal,
  workedExample,
  distinguishedProposer,
  ...WHAT_IFS.map((one) => one.protocol),
  raft,
  raftCountsCopies.protocol,
];
