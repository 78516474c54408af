import { ACQUIRE, checkInteger, checkName, checkOptions } from "./checks.js";
import { HOLDERS_MAX } from "./limits.js";
import type { AcquireOptions, Requests } from "./requests.js";

export interface BarrierOptions extends AcquireOptions {
  /** How many must have come. The same for all that meet. */
  readonly parties: number;
}

export interface Barriers {
  /**
   * Settles when as many wait here as are to meet; then the barrier is closed again for the next so many. Whoever dies while waiting does not count.
   * @throws SynodError `LockNotAcquired` where it did not open for this one
   */
  wait(name: string, options: BarrierOptions): Promise<void>;
}

const EMPTY = new Uint8Array(0);
const OPTIONS = [...ACQUIRE, "parties"];

export class BarriersClient implements Barriers {
  readonly #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  async wait(name: string, options: BarrierOptions): Promise<void> {
    checkOptions("wait", options, OPTIONS);
    checkInteger("parties", options.parties, 1, HOLDERS_MAX);
    const resource = `barrier/${checkName(name)}`;
    const grant = await this.#requests.take({ ...options, resource, limit: HOLDERS_MAX, value: EMPTY });
    await this.#requests.release(grant);
  }
}
