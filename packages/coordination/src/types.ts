/** Position among all changes of the state: a positive safe integer that grows for ever, through restarts and snapshots. 0: none yet. */
export type Revision = number;

/**
 * Which keys: one; all that begin with a text (`after`: of these, those above it); or from one up to, but without, another (in the order of
 * UTF-16 code units, as `<` has it).
 */
export type KeySelector =
  | { readonly key: string }
  | { readonly prefix: string; readonly after?: string }
  | { readonly from: string; readonly to?: string };

/** A key as it is, or was at a revision. */
export interface KeyEntry<Value = Uint8Array> {
  readonly key: string;
  /** In the answers of the machine itself its own bytes, maybe in the middle of its log: never to be written into or transferred. Clients and `coordination()` give copies. */
  readonly value: Value;
  /** Of the last change of this key. */
  readonly revision: Revision;
  /** Of the put that made it. */
  readonly createRevision: Revision;
  /** Puts since it was made, from 1. */
  readonly version: number;
  /** Lease that it ends with; null if it stays. */
  readonly lease: string | null;
}

/** A change of a key. */
export type KeyEvent<Value = Uint8Array> =
  | ({ readonly kind: "put" } & KeyEntry<Value>)
  | { readonly kind: "delete"; readonly key: string; readonly revision: Revision };

/** What must hold for the `do` of a transaction. */
export type Condition<Value = Uint8Array> =
  /** 0 stands for a key that is not there. */
  | {
      readonly key: string;
      readonly field: "revision" | "createRevision" | "version";
      readonly is: "=" | "!=" | "<" | ">";
      readonly to: number;
    }
  /** A key that is not there is equal to nothing. */
  | { readonly key: string; readonly field: "value"; readonly is: "=" | "!="; readonly to: Value }
  /** The token is one of the present holders' of a lock (by its full name: `lock.resource`). */
  | { readonly held: string; readonly fencingToken: number };

/** One step of a transaction. */
export type Operation<Value = Uint8Array> =
  | { readonly kind: "put"; readonly key: string; readonly value: Value; readonly lease: string | null }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "range"; readonly keys: KeySelector; readonly limit: number };

export type OperationResult<Value = Uint8Array> =
  | { readonly kind: "put"; readonly revision: Revision }
  | { readonly kind: "delete"; readonly deleted: boolean }
  | { readonly kind: "range"; readonly entries: readonly KeyEntry<Value>[]; readonly more: boolean };

/** What is replicated. Identifiers of leases are chosen by whoever asks, so that asking again asks for the same. */
export type CoordinationCommand =
  /** `expected`: the revision that the key must have, 0 for a key that is not there, null for any. */
  | {
      readonly kind: "put";
      readonly key: string;
      readonly value: Uint8Array;
      readonly lease: string | null;
      readonly expected: Revision | null;
    }
  | { readonly kind: "delete"; readonly key: string; readonly expected: Revision | null }
  | { readonly kind: "deleteRange"; readonly keys: KeySelector; readonly limit: number }
  | {
      readonly kind: "transaction";
      readonly if: readonly Condition[];
      readonly do: readonly Operation[];
      readonly else: readonly Operation[];
    }
  | { readonly kind: "grantLease"; readonly id: string; readonly ttlMs: number }
  | { readonly kind: "keepAlive"; readonly ids: readonly string[] }
  /** Ends leases with all that hangs on them. `remember`: copies of requests under them may still be on their way, and come to nothing. */
  | { readonly kind: "endLeases"; readonly ids: readonly string[]; readonly remember: boolean }
  /**
   * Takes a place in the queue of `name` under lease `id`, which is made if it is not there. Asked again, it tells of the place that it has.
   * `limit`: at most so many hold it while this one does, itself included. `parties`, if not 0: waits until so many wait, then all of these go on.
   */
  | {
      readonly kind: "acquire";
      readonly name: string;
      readonly id: string;
      readonly ttlMs: number;
      readonly limit: number;
      readonly parties: number;
      readonly value: Uint8Array;
      readonly wait: boolean;
    }
  | { readonly kind: "proclaim"; readonly name: string; readonly id: string; readonly value: Uint8Array }
  /** With a `request`, a counter remembers its last 1,024 of these and what they were answered. */
  | { readonly kind: "add"; readonly name: string; readonly by: number; readonly request: string | null };

/** Why a command changed nothing, although it was understood. */
export type RefusalReason =
  | "keyTooLarge"
  | "valueTooLarge"
  | "stateFull"
  | "noLease"
  | "leasesFull"
  | "requestsFull"
  | "queueFull"
  | "notHeld"
  | "numberTooLarge";

export type CoordinationResult =
  /** Of put and delete. `keyRevision`: of the key from now on, 0 if it is not there. */
  | { readonly kind: "written"; readonly done: boolean; readonly revision: Revision; readonly keyRevision: Revision }
  | { readonly kind: "deleted"; readonly count: number; readonly more: boolean; readonly revision: Revision }
  | {
      readonly kind: "transaction";
      readonly succeeded: boolean;
      readonly revision: Revision;
      readonly results: readonly OperationResult[];
    }
  /** Of commands on leases: those of them that are not there. */
  | { readonly kind: "leases"; readonly gone: readonly string[]; readonly revision: Revision }
  /** `none`: it would have had to wait. `waiting`: how many others wait. */
  | {
      readonly kind: "acquired";
      readonly status: "held" | "waiting" | "none";
      readonly fencingToken: number;
      readonly waiting: number;
      readonly revision: Revision;
    }
  | { readonly kind: "proclaimed"; readonly revision: Revision }
  /** `repeated`: the request was executed before. */
  | { readonly kind: "added"; readonly value: number; readonly repeated: boolean }
  | { readonly kind: "refused"; readonly reason: RefusalReason; readonly limit: number };

/** Questions. Those of which `watch` has something are marked. */
export type CoordinationQuery =
  | { readonly kind: "get"; readonly key: string; readonly revision: Revision | null }
  | {
      readonly kind: "range";
      readonly keys: KeySelector;
      readonly limit: number;
      readonly revision: Revision | null;
      readonly reverse: boolean;
      /** Values are left out: they are empty. */
      readonly keysOnly: boolean;
    }
  | { readonly kind: "count"; readonly keys: KeySelector }
  | { readonly kind: "status" }
  | { readonly kind: "lease"; readonly id: string }
  | { readonly kind: "counter"; readonly name: string }
  /** Watched: changes of keys from a revision on. */
  | { readonly kind: "events"; readonly keys: KeySelector; readonly from: Revision }
  /** Watched: whether the request `id` of the queue holds by now. `after`: a replica that has not come so far has nothing to say. */
  | { readonly kind: "request"; readonly name: string; readonly id: string; readonly after: Revision }
  /** Watched: who holds. `seen`: `changed` of the answer before, -1 for any. */
  | { readonly kind: "lock"; readonly name: string; readonly seen: Revision; readonly after: Revision };

/** A request that holds. */
export interface Holder {
  readonly id: string;
  readonly fencingToken: number;
  readonly value: Uint8Array;
}

export type CoordinationAnswer =
  | { readonly kind: "get"; readonly entry: KeyEntry | null; readonly revision: Revision }
  | {
      readonly kind: "range";
      readonly entries: readonly KeyEntry[];
      readonly more: boolean;
      /** At which the entries are. */
      readonly revision: Revision;
    }
  | { readonly kind: "count"; readonly count: number; readonly revision: Revision }
  /** Everything up to `compacted` is forgotten. */
  | { readonly kind: "compacted"; readonly compacted: Revision; readonly revision: Revision }
  | ({ readonly kind: "status" } & CoordinationStatus)
  | {
      readonly kind: "lease";
      readonly ttlMs: number;
      readonly leftMs: number;
      readonly keys: number;
      readonly requests: number;
    }
  | { readonly kind: "counter"; readonly value: number }
  /** Every change up to `revision` has been told of. Without events: nothing happened to these keys. */
  | { readonly kind: "events"; readonly events: readonly KeyEvent[]; readonly revision: Revision }
  | {
      readonly kind: "request";
      readonly status: "held" | "waiting" | "none";
      readonly fencingToken: number;
      readonly revision: Revision;
    }
  | {
      readonly kind: "lock";
      /** In the order of their tokens; 100 at most. */
      readonly holders: readonly Holder[];
      readonly holding: number;
      readonly waiting: number;
      /** Revision of the last change of holders or of what they proclaim; 0 if there is no lock of this name. */
      readonly changed: Revision;
      readonly revision: Revision;
    }
  /** There is no such thing. */
  | { readonly kind: "none"; readonly revision: Revision };

/** Of the whole state. */
export interface CoordinationStatus {
  readonly revision: Revision;
  /** Everything up to here is forgotten by the history. */
  readonly compacted: Revision;
  /** Logged time of the last call. */
  readonly timeMs: number;
  readonly keys: number;
  readonly bytes: number;
  readonly historyBytes: number;
  readonly leases: number;
  readonly locks: number;
  /** Requests that hold or wait. */
  readonly requests: number;
  readonly counters: number;
}
