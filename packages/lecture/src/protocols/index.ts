import type { Protocol } from "../shape.js";
import { allToAll } from "./all-to-all.js";
import { buffer } from "./buffer.js";
import { commit } from "./commit.js";
import { discard } from "./discard.js";
import { fiveServers } from "./five-servers.js";
import { leader } from "./leader.js";
import { leaderIds } from "./leader-ids.js";
import { learn } from "./learn.js";
import { multiPaxos } from "./multi-paxos.js";
import { promises } from "./promises.js";
import { reports } from "./reports.js";
import { resend } from "./resend.js";
import { retransAccept } from "./retrans-accept.js";
import { rounds } from "./rounds.js";
import { singleServer } from "./single-server.js";
import { takeover } from "./takeover.js";
import { threeServers } from "./three-servers.js";
import { twoServers } from "./two-servers.js";
import { waitForLearn } from "./wait-for-learn.js";

/** The ladder, from one server to Multi-Paxos. */
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
];
