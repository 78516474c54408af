import { checkNames, optionNames, SynodError } from "@synod/interface";
import { LIMIT_NAMES } from "./limits.js";
import type { ClusterOptions, JoinOptions, NodeOptions, WitnessOptions } from "./types.js";

// As records, so that the compiler asks for a new option here, too.
const NODE: Readonly<Record<keyof NodeOptions<unknown, unknown, unknown>, true>> = {
  id: true,
  cluster: true,
  stateMachine: true,
  transport: true,
  storage: true,
  codec: true,
  commandCodec: true,
  resultCodec: true,
  bootstrap: true,
  priority: true,
  thrifty: true,
  join: true,
  limits: true,
  clock: true,
  random: true,
  logger: true,
  metrics: true,
  buggify: true,
  upgrade: true,
  supports: true,
  sessionTtlMs: true,
};

const WITNESS: Readonly<Record<keyof WitnessOptions, true>> = {
  id: true,
  cluster: true,
  transport: true,
  storage: true,
  codec: true,
  bootstrap: true,
  join: true,
  limits: true,
  clock: true,
  random: true,
  logger: true,
  metrics: true,
  buggify: true,
  supports: true,
  sessionTtlMs: true,
};

const CLUSTER: Readonly<Record<keyof ClusterOptions, true>> = {
  id: true,
  members: true,
  contacts: true,
  quorum: true,
  alpha: true,
  lease: true,
  learning: true,
  origin: true,
};

const JOIN: Readonly<Record<keyof JoinOptions, true>> = { address: true, name: true };

const CLUSTER_NAMES = optionNames(CLUSTER, "cluster.");
const JOIN_NAMES = optionNames(JOIN, "join.");
const ELSEWHERE = [...LIMIT_NAMES, ...CLUSTER_NAMES, ...JOIN_NAMES];

interface Nested {
  readonly cluster: unknown;
  readonly join?: unknown;
}

/** @throws SynodError `InvalidArgument` for an option that is none, here or in `cluster` or `join`. `nodeLimits` looks at the limits. */
export function checkNodeNames(
  options: Nested & { readonly queryCodec?: unknown; readonly answerCodec?: unknown },
): void {
  if (typeof options !== "object" || options === null)
    throw new SynodError("InvalidArgument", "createNode takes an object: { id, cluster, stateMachine, ... }");
  // The codecs of a state machine come as one object; two of them are for its clients.
  const { queryCodec: _query, answerCodec: _answer, ...own } = options;
  checkNames((name) => `createNode has no option ${name}`, own, optionNames(NODE), ELSEWHERE);
  checkNested(options);
}

/** The same for a witness. What only a full node makes use of would be ignored. */
export function checkWitnessNames(options: Nested): void {
  const ofNodes = (name: string): string => (Object.hasOwn(NODE, name) ? ", which only createNode takes" : "");
  const text = (name: string): string => `createWitness has no option ${name}${ofNodes(name)}`;
  checkNames(text, options, optionNames(WITNESS), ELSEWHERE);
  checkNested(options);
}

function checkNested(options: Nested): void {
  checkNames((name) => `cluster has no option ${name}`, options.cluster, CLUSTER_NAMES);
  checkNames((name) => `join has no option ${name}`, options.join, JOIN_NAMES);
}
