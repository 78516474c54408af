import type { Mutant } from "../mutant.js";
import { acceptorMutants } from "./acceptor.js";
import { boundsMutants } from "./bounds.js";
import { checkMutants } from "./checks.js";
import { clientMutants } from "./clients.js";
import { flowMutants } from "./flow.js";
import { coordinationMutants } from "./coordination.js";
import { damageMutants } from "./damage.js";
import { electionMutants } from "./election.js";
import { exploredMutants } from "./explored.js";
import { leaseMutants } from "./leases.js";
import { learningMutants } from "./learning.js";
import { logMutants } from "./log.js";
import { membershipMutants } from "./membership.js";
import { membershipOfNodesMutants } from "./membership-nodes.js";
import { nodeMutants } from "./node.js";
import { operatorMutants } from "./operator.js";
import { paxosMutants } from "./paxos.js";
import { proposerMutants } from "./proposer.js";
import { readMutants } from "./reads.js";
import { serviceMutants } from "./service.js";
import { snapshotMutants } from "./snapshots.js";
import { storageMutants } from "./storage.js";
import { storeIdentityMutants } from "./store-identity.js";
import { versionMutants } from "./versions.js";
import { transferMutants } from "./transfer.js";
import { wireMutants } from "./wire.js";
import { witnessMutants } from "./witnesses.js";

/** All of them, by area. */
export const MUTANTS: readonly Mutant[] = [
  ...paxosMutants,
  ...exploredMutants,
  ...acceptorMutants,
  ...proposerMutants,
  ...logMutants,
  ...electionMutants,
  ...learningMutants,
  ...transferMutants,
  ...readMutants,
  ...leaseMutants,
  ...serviceMutants,
  ...nodeMutants,
  ...flowMutants,
  ...snapshotMutants,
  ...storageMutants,
  ...storeIdentityMutants,
  ...damageMutants,
  ...wireMutants,
  ...versionMutants,
  ...coordinationMutants,
  ...membershipMutants,
  ...witnessMutants,
  ...membershipOfNodesMutants,
  ...clientMutants,
  ...boundsMutants,
  ...operatorMutants,
  ...checkMutants,
];
