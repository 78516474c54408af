import { type Barriers, BarriersClient } from "./barriers.js";
import { ACQUIRE, CALL, checkFields, checkOptions, checkService } from "./checks.js";
import { type CallOptions, type CoordinationOptions, type CoordinationService, Core } from "./core.js";
import { type Elections, ElectionsClient } from "./elections.js";
import { type Jobs, JobsClient } from "./jobs.js";
import { type KeyValue, KeyValueClient } from "./kv.js";
import { LeaseKeeper } from "./lease-keeper.js";
import { type Leases, LeasesClient } from "./leases-client.js";
import { HOLDERS_MAX } from "./limits.js";
import { lockFamily, type Locks, type SemaphoreOptions } from "./locks.js";
import { type Counters, CountersClient, type Sequences, SequencesClient } from "./numbers.js";
import { Requests } from "./requests.js";
import type { CoordinationStatus } from "./types.js";
import { bytesValues } from "./values.js";

/** Everything that processes need to agree with each other. `await using` closes it. */
export interface Coordination extends AsyncDisposable {
  readonly kv: KeyValue<Uint8Array>;
  readonly leases: Leases;
  readonly locks: Locks;
  readonly semaphores: Locks<SemaphoreOptions>;
  /** Many readers or one writer, in the order in which they came. */
  readonly readWriteLocks: { readonly read: Locks; readonly write: Locks };
  readonly elections: Elections;
  readonly barriers: Barriers;
  readonly jobs: Jobs;
  readonly counters: Counters;
  readonly sequences: Sequences;
  /** Of the replicated state as a whole. */
  status(options?: CallOptions): Promise<CoordinationStatus>;
  /** Gives back all that is held, ends watches and waits, and settles within about 10 s. The service stays open: it is yours. */
  close(): Promise<void>;
}

/**
 * Speaks to a coordination machine through a node or a client: there is no difference.
 * @throws SynodError `InvalidArgument` for what is neither. So do all calls for arguments and options that they do not know.
 */
export function coordination(service: CoordinationService, options: CoordinationOptions = {}): Coordination {
  checkService(service);
  checkFields("The options of coordination", options, ["clock", "random"]);
  return new CoordinationClient(new Core(service, options));
}

class CoordinationClient implements Coordination {
  readonly #core: Core;
  readonly #keeper: LeaseKeeper;
  readonly kv: KeyValue<Uint8Array>;
  readonly leases: Leases;
  readonly locks: Locks;
  readonly semaphores: Locks<SemaphoreOptions>;
  readonly readWriteLocks: Coordination["readWriteLocks"];
  readonly elections: Elections;
  readonly barriers: Barriers;
  readonly jobs: Jobs;
  readonly counters: Counters;
  readonly sequences: Sequences;
  #closed: Promise<void> | null = null;

  constructor(core: Core) {
    this.#core = core;
    this.#keeper = new LeaseKeeper(core);
    const requests = new Requests(core, this.#keeper);
    this.kv = new KeyValueClient(core, bytesValues);
    this.leases = new LeasesClient(core, this.#keeper);
    this.locks = lockFamily(requests, "lock", () => 1);
    this.semaphores = lockFamily(requests, "semaphore", (given) => given?.limit, [...ACQUIRE, "limit"]);
    this.readWriteLocks = {
      read: lockFamily(requests, "readWriteLock", () => HOLDERS_MAX),
      write: lockFamily(requests, "readWriteLock", () => 1),
    };
    this.elections = new ElectionsClient(core, requests);
    this.barriers = new BarriersClient(requests);
    this.jobs = new JobsClient(
      core,
      lockFamily(requests, "job", () => 1),
    );
    this.counters = new CountersClient(core);
    this.sequences = new SequencesClient(core);
  }

  async status(options: CallOptions = {}): Promise<CoordinationStatus> {
    checkOptions("status", options, CALL);
    const { kind: _, ...status } = await this.#core.read(["status"], { kind: "status" }, options);
    return status;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#core.closed.close();
    await this.#keeper.endAll("the coordination client was closed");
    await this.#core.idle();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
