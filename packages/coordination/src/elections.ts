import { ACQUIRE, CALL, checkFunction, checkName, checkOptions, checkText } from "./checks.js";
import { type CallOptions, type Core, Linked } from "./core.js";
import { endable } from "./endable.js";
import { HeldLock, type Lock, type Protected, runUnder } from "./locks.js";
import type { AcquireOptions, Requests } from "./requests.js";
import type { CoordinationAnswer } from "./types.js";
import { textValues } from "./values.js";

export interface CampaignOptions extends AcquireOptions {
  /** What observers see while this candidate leads: an address, say. At most 16 KiB. Default "". */
  readonly value?: string;
}

/** Held while this candidate leads. */
export interface Leadership extends Lock {
  /** Tells observers something new. @throws SynodError `LeaseLost`, and as `Service.propose` */
  proclaim(value: string, options?: CallOptions): Promise<void>;
  /** The same as `release`. */
  resign(): Promise<void>;
}

export interface Leader {
  readonly value: string;
  /** Grows from leader to leader. */
  readonly fencingToken: number;
}

export interface Elections {
  /** Waits until this candidate leads. @throws SynodError `LockNotAcquired` */
  campaign(name: string, options?: CampaignOptions): Promise<Leadership>;
  /** Campaigns, works while it leads, resigns. @throws SynodError `LockNotAcquired`, `LeaseLost`, and what the work throws */
  lead<T>(
    name: string,
    work: (given: Protected & { readonly leadership: Leadership }) => T | PromiseLike<T>,
    options?: CampaignOptions,
  ): Promise<T>;
  /** Who leads; null: nobody. Linearizable, and old as soon as it is answered. */
  leader(name: string, options?: CallOptions): Promise<Leader | null>;
  /** Who leads now, and then every change; null while nobody does. Changes that follow each other fast may be told as one. */
  observe(name: string, options?: CallOptions): AsyncIterable<Leader | null>;
}

const CAMPAIGN = [...ACQUIRE, "value"];

const resourceOf = (name: string): string => `election/${checkName(name)}`;

export class ElectionsClient implements Elections {
  readonly #core: Core;
  readonly #requests: Requests;

  constructor(core: Core, requests: Requests) {
    this.#core = core;
    this.#requests = requests;
  }

  async campaign(name: string, options: CampaignOptions = {}): Promise<Leadership> {
    checkOptions("campaign", options, CAMPAIGN);
    const resource = resourceOf(name);
    const value = textValues.encode(checkText("value", options.value ?? ""));
    const grant = await this.#requests.take({ ...options, resource, limit: 1, parties: 0, value });
    return new HeldLeadership(this.#core, this.#requests, name, resource, grant);
  }

  async lead<T>(
    name: string,
    work: (given: Protected & { readonly leadership: Leadership }) => T | PromiseLike<T>,
    options: CampaignOptions = {},
  ): Promise<T> {
    checkFunction("work", work, "lead(name, async ({ signal }) => ..., options)");
    const leadership = await this.campaign(name, options);
    return runUnder(leadership, (given) => work({ ...given, leadership }));
  }

  async leader(name: string, options: CallOptions = {}): Promise<Leader | null> {
    checkOptions("leader", options, CALL);
    return leaderOf(
      await this.#core.read(["lock"], { kind: "lock", name: resourceOf(name), seen: -1, after: 0 }, options),
    );
  }

  observe(name: string, options: CallOptions = {}): AsyncIterableIterator<Leader | null> {
    checkOptions("observe", options, CALL);
    const resource = resourceOf(name);
    return endable((left) => this.#observe(resource, options, left));
  }

  async *#observe(resource: string, options: CallOptions, left: AbortSignal): AsyncGenerator<Leader | null, void> {
    const until = new Linked(options.signal, this.#core.closed, left);
    try {
      const query = { kind: "lock", name: resource, seen: -1, after: 0 } as const;
      // What is there now, read so that nothing older comes after it.
      const first = await this.#core.read(["lock"], query, until);
      let last = leaderOf(first);
      yield last;
      const next = { ...query, seen: first.changed, after: first.revision };
      for await (const { answer } of this.#core.watch(next, until.signal)) {
        const leader = leaderOf(answer);
        if (leader?.fencingToken === last?.fencingToken && leader?.value === last?.value) continue;
        last = leader;
        yield leader;
      }
      if (this.#core.closed.aborted) throw this.#core.closed.reason;
    } catch (cause) {
      if (options.signal?.aborted !== true && !left.aborted) throw cause;
    } finally {
      until.dispose();
    }
  }
}

function leaderOf(answer: CoordinationAnswer): Leader | null {
  const holder = answer.kind === "lock" ? answer.holders[0] : undefined;
  return holder === undefined ? null : { value: textValues.decode(holder.value), fencingToken: holder.fencingToken };
}

class HeldLeadership extends HeldLock implements Leadership {
  readonly #core: Core;

  constructor(core: Core, ...held: ConstructorParameters<typeof HeldLock>) {
    super(...held);
    this.#core = core;
  }

  async proclaim(value: string, options: CallOptions = {}): Promise<void> {
    checkOptions("proclaim", options, CALL);
    const bytes = textValues.encode(value);
    this.assertHeld();
    await this.#core.propose(
      "proclaimed",
      { kind: "proclaim", name: this.resource, id: this.id, value: bytes },
      options,
    );
  }

  resign(): Promise<void> {
    return this.release();
  }
}
