import type { Codec, Recovered } from "@synod/interface";
import { checkConfiguration } from "@synod/multipaxos";
import { replicatedMachine, type ReplicatedMachine } from "@synod/rsm";
import { checkCodec, checkOptions } from "./checks.js";
import { checkMembers, founders } from "./founders.js";
import { nodeLimits } from "./limits.js";
import { Node } from "./node.js";
import { checkNodeNames } from "./option-names.js";
import { SnapshotInstall } from "./snapshot-layout.js";
import type { CreateNodeOptions, NodeOptions, SynodNode } from "./types.js";
import { supportedVersions } from "./versions.js";

async function restoreSnapshot(
  machine: Pick<ReplicatedMachine<never, unknown>, "restore">,
  storage: NodeOptions<unknown, unknown, unknown>["storage"],
  recovered: Recovered,
): Promise<{ readonly head: Uint8Array; readonly hash: string } | null> {
  if (recovered.snapshot === null) return null;
  const install = new SnapshotInstall(machine);
  for await (const chunk of storage.readSnapshot()) install.write(chunk);
  return install.end();
}

/**
 * Opens the store, starts one replica and joins it to its peers. Settles when the replica runs, with or without a leader.
 * @throws SynodError `InvalidArgument`, `InvalidConfiguration`, `NotFormatted` (set `bootstrap` on the very first start),
 * `AlreadyFormatted` (leave `bootstrap` out once the node has run), the errors of storage and transport. Where the first start fails after
 * the store was formatted, e.g. by `AddressInUse`, the same call may be made again.
 */
export async function createNode<Command, Query, Result, Answer = Result>(
  options: CreateNodeOptions<Command, Query, Result, Answer>,
): Promise<SynodNode<Command, Query, Result, Answer>> {
  checkNodeNames(options);
  return start<Command, Query, Result, Answer>(options, null);
}

/** Once the names of the options are known to be good. @param witness makes what takes the place of the state machine, where there is none */
export async function start<Command, Query, Result, Answer = Result>(
  options: NodeOptions<Command, Query, Result, Answer>,
  witness: (() => ReplicatedMachine<Query, Answer>) | null,
): Promise<SynodNode<Command, Query, Result, Answer>> {
  checkOptions(options);
  const limits = nodeLimits(options.limits);
  const supports = supportedVersions(options);
  checkCodec(options, limits, supports);
  const { id, cluster, storage, transport } = options;
  const given = founders(options);
  // A store that was formatted for what cannot be would refuse the corrected call as well.
  checkConfiguration(given);
  const recovered = await storage.open({
    ...(options.bootstrap === true ? { create: { clusterId: cluster.id, nodeId: id, founders: given } } : {}),
    expect: { clusterId: cluster.id, nodeId: id },
  });
  try {
    checkMembers(recovered.identity.founders, options);
    const resultCodec = options.resultCodec ?? (options.commandCodec as unknown as Codec<Result>);
    const machine =
      witness?.() ??
      replicatedMachine({
        stateMachine: options.stateMachine,
        commandCodec: options.commandCodec,
        resultCodec,
        supports,
        ...(options.sessionTtlMs === undefined ? {} : { sessionTtlMs: options.sessionTtlMs }),
      });
    const snapshot = await restoreSnapshot(machine, storage, recovered);
    const node = new Node({ witness: witness !== null, snapshot, options, limits, recovered, machine, resultCodec });
    await node.start();
    return node;
  } catch (cause) {
    // The store must not stay locked by a node that never ran.
    await Promise.allSettled([transport.close(), storage.close()]);
    throw cause;
  }
}
