import type { Codec, FileSystem, StateMachine, Storage } from "@synod/interface";
import type { Model } from "@synod/linearizability";
import type { SeededRandom } from "./random.js";

/** What a client asks for next. */
export type Request<Command, Query> =
  | { readonly kind: "command"; readonly command: Command }
  | { readonly kind: "query"; readonly query: Query };

/** A state machine and what clients do with it. */
export interface Workload<Command, Query, Result, Answer = Result> {
  /**
   * A new state machine in its start state; one for each life of each node. Give it a `digest`: it is compared. `release` is that of the node, from 1:
   * give each release a `version` of its own, and rolling deploys show whether `apply` goes by `machineVersion`.
   */
  stateMachine(release: number): StateMachine<Command, Query, Result, Answer>;
  readonly commandCodec: Codec<Command>;
  /** By default the command codec, which then must be able to carry results. */
  readonly resultCodec?: Codec<Result>;
  /** The next request of a client. `unique` was given to nobody before. All chance comes from `random`. */
  next(client: {
    readonly id: number;
    readonly unique: number;
    readonly random: SeededRandom;
  }): Request<Command, Query>;
  /**
   * What the state machine does when one client at a time uses it. With it the clients' history is checked for
   * linearizability: inputs are commands and queries, outputs are results and answers.
   */
  readonly model?: Model<unknown, Command | Query, Result | Answer>;
}

/** Where a store is to be opened: options of `fileStorage` as they are. */
export interface StoragePlace {
  /** Absolute path of the store on the simulated disk. */
  readonly directory: string;
  readonly fileSystem: FileSystem;
  readonly random: SeededRandom;
  /** Drawn from the seed: small enough that a run fills several. For storages that have segments. */
  readonly segmentBytes: number;
}

/** Opens the same simulated disk anew for each life of a node. */
export type StorageFactory = (place: StoragePlace) => Storage;
