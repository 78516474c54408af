import {
  type CallOptions,
  type ChangeOptions,
  checkCall,
  type Configuration,
  type MembershipChange,
  type NodeId,
  type SnapshotInfo,
  SynodError,
} from "@synod/interface";
import { normalAddress } from "@synod/transport-tcp/framing";
import { Call, type CallShared } from "./call.js";
import { CALL, checkEnds } from "./checks.js";
import type { Target } from "./pool.js";
import { type AdminCall, encodeAdminCall } from "./protocol/admin.js";
import {
  decodeConfiguration,
  decodeLeader,
  decodeSnapshotInfo,
  decodeStatus,
  type RemoteNodeStatus,
} from "./protocol/admin-results.js";
import { type RemoteSnapshot, readSnapshot } from "./remote-snapshot.js";

export interface AdminOptions extends CallOptions {
  /** By its address, as it was given to `connect`; any server if left out. */
  readonly server?: string;
}

/**
 * What operators do; all of it needs a token with the role admin. Nothing here is tried again once a server may have begun with it: a
 * connection that ends meanwhile is `OutcomeUnknown`.
 */
export interface ClientAdmin {
  /** Of one server, or of any. */
  status(options?: AdminOptions): Promise<RemoteNodeStatus>;
  /** @see SynodNode.changeMembership */
  changeMembership(change: MembershipChange, options?: ChangeOptions): Promise<Configuration>;
  /** Asks the leader to hand over. @returns the new leader */
  transferLeadership(options?: CallOptions & { readonly to?: NodeId }): Promise<NodeId>;
  /** Takes a snapshot at one server, or at any, and leaves it there. */
  snapshot(options?: AdminOptions): Promise<SnapshotInfo>;
  /**
   * Takes a snapshot at one server, or at any, with everything in it that was acknowledged before the call, and fetches it: the state of the
   * cluster as that node stores it. `timeoutMs` is for taking it, 300,000 by default.
   */
  readSnapshot(options?: AdminOptions): Promise<RemoteSnapshot>;
}

/** A new member has to fetch everything first. */
const changeTimeoutMs = 60_000;

const ASKED = ["server", ...CALL];
const CHANGE = [...CALL, "expectedEpoch"];
const TRANSFER = [...CALL, "to"];

export function adminOf(shared: CallShared, admit: () => void): ClientAdmin {
  const ask = async <T>(
    call: AdminCall,
    to: Target,
    decode: (bytes: Uint8Array) => T,
    { signal, timeoutMs = shared.context.limits.timeoutMs }: CallOptions,
  ): Promise<T> => {
    admit();
    checkEnds({ signal, timeoutMs });
    const bytes = encodeAdminCall(call);
    const asked = new Call<T>(
      shared,
      {
        kind: "admin",
        to,
        bytes: 8 + bytes.length,
        repeatable: call.op === "status",
        request: (id, deadlineMs) => ({ kind: "admin", id, deadlineMs, call: bytes }),
        read: (answer) => {
          if (answer.kind === "result") return decode(answer.body);
          throw new SynodError("Malformed", "the server answered something else than was asked");
        },
        // What the node answered is how it ended, such as that an id is used up; only what may go better elsewhere or later is not.
        final: ({ error, retry }) => (retry ? null : error),
        conclude: ({ text, cause, maybe, nobody, closed }) => {
          const code = maybe ? "OutcomeUnknown" : closed ? "Closed" : nobody ? "NoServer" : "NotProposed";
          // What the servers said last, such as whom to ask, is no use to people as a cause alone.
          const isNew = cause instanceof SynodError && !closed && !text.includes(cause.message);
          const said = isNew ? `${text}: ${cause.message}` : text;
          return new SynodError(code, said, { cause });
        },
      },
      { signal, timeoutMs },
    );
    return asked.begin().go().promise;
  };
  return {
    status: async (options = {}) => ask({ op: "status" }, targetOf(shared, "status", options), decodeStatus, options),
    changeMembership: async (change, options = {}) => {
      checkCall("admin.changeMembership", options, CHANGE);
      const { expectedEpoch = null, timeoutMs = changeTimeoutMs, ...rest } = options;
      return ask({ op: "changeMembership", change, expectedEpoch }, "leader", decodeConfiguration, {
        timeoutMs,
        ...rest,
      });
    },
    transferLeadership: async (options = {}) => {
      checkCall("admin.transferLeadership", options, TRANSFER);
      const { to = null, ...rest } = options;
      return ask({ op: "transferLeadership", to }, "leader", decodeLeader, rest);
    },
    snapshot: async (options = {}) =>
      ask({ op: "snapshot" }, targetOf(shared, "snapshot", options), decodeSnapshotInfo, options),
    readSnapshot: async (options = {}) =>
      readSnapshot(shared, admit, targetOf(shared, "readSnapshot", options), options),
  };
}

function targetOf({ pool }: CallShared, call: string, options: AdminOptions): Target {
  // An address in their place would be asked of any server.
  checkCall(`admin.${call}`, options, ASKED);
  const { server } = options;
  if (server === undefined) return "any";
  const link = pool.links.find(({ address }) => address === normalAddress(server));
  if (link !== undefined) return { server: link.address };
  const known = pool.links.map(({ address }) => address).join(", ");
  throw new SynodError("InvalidArgument", `${server} is none of the servers of this client (${known})`);
}
