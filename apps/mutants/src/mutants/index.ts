import type { Mutant } from "../mutant.js";
import { acceptorMutants } from "./acceptor.js";
import { clientMutants } from "./clients.js";
import { flowMutants } from "./flow.js";
import { coordinationMutants } from "./coordination.js";
import { damageMutants } from "./damage.js";
import { electionMutants } from "./election.js";
import { exploredMutants } from "./explored.js";
import { leaseMutants } from "./leases.js";
import { logMutants } from "./log.js";
import { membershipMutants } from "./membership.js";
import { nodeMutants } from "./node.js";
import { paxosMutants } from "./paxos.js";
import { proposerMutants } from "./proposer.js";
import { readMutants } from "./reads.js";
import { serviceMutants } from "./service.js";
import { snapshotMutants } from "./snapshots.js";
import { storageMutants } from "./storage.js";
import { versionMutants } from "./versions.js";
import { transferMutants } from "./transfer.js";
import { wireMutants } from "./wire.js";

/** All of them, by area. */
export const MUTANTS: readonly Mutant[] = [
  ...paxosMutants,
  ...exploredMutants,
  ...acceptorMutants,
  ...proposerMutants,
  ...logMutants,
  ...electionMutants,
  ...transferMutants,
  ...readMutants,
  ...leaseMutants,
  ...serviceMutants,
  ...nodeMutants,
  ...flowMutants,
  ...snapshotMutants,
  ...storageMutants,
  ...damageMutants,
  ...wireMutants,
  ...versionMutants,
  ...coordinationMutants,
  ...membershipMutants,
  ...clientMutants,
];
