import { crashCases, failureCases } from "./storage-failures.js";
import { StorageBench, type AddCase, type StorageMedium } from "./storage-bench.js";
import { lifeCases } from "./storage-life.js";
import { snapshotCases } from "./storage-snapshots.js";
import { writingCases } from "./storage-writing.js";
import { shaped } from "./shape.js";
import { caseRunner, type SuiteOptions } from "./suite.js";

export type { StorageMedium };

export interface StorageSuiteOptions<M extends StorageMedium = StorageMedium> extends SuiteOptions {
  /** One disk, blank, and storage objects on it: `{ storage(), advance?(), dispose?() }`. Called anew for each case. */
  readonly create: () => M | Promise<M>;
  /**
   * Ends the running storage object without its `close` and loses all that is not durable, as a power cut does.
   * Adds the cases about durability.
   */
  readonly crash?: (medium: M) => void | Promise<void>;
  /** From now on every write or flush of the medium fails. Adds the cases about `StoreFailed`. */
  readonly fail?: (medium: M) => void | Promise<void>;
}

const HINT = "If you have myStorage(disk), return { storage: () => myStorage(disk) }. ";

/**
 * What every `Storage` must do: identity, order, atomicity, durability, ownership, snapshots, and that each call settles.
 * Damage, full disks and locks between processes are each adapter's own matter.
 */
export function storageSuite<M extends StorageMedium>(options: StorageSuiteOptions<M>): void {
  const register = caseRunner(options);
  const { create, crash, fail } = options;
  const add: AddCase = (name, body) =>
    register(name, async (scope) => {
      const medium = shaped(await create(), ["storage"], "{ storage() }: one disk, and storage objects on it", HINT);
      scope.defer("dispose() of the medium", () => medium.dispose?.());
      scope.advanceWith(medium.advance && (() => medium.advance?.()));
      await body(new StorageBench({ scope, medium, crash: () => crash?.(medium), fail: () => fail?.(medium) }));
    });
  lifeCases(add);
  writingCases(add);
  snapshotCases(add);
  if (crash !== undefined) crashCases(add);
  if (fail !== undefined) failureCases(add);
}
