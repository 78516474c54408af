import { shaped } from "./shape.js";
import { caseRunner, type SuiteOptions } from "./suite.js";
import { type AddCase, TransportBench, type TransportWorld } from "./transport-bench.js";
import { deliveryCases } from "./transport-delivery.js";
import { lifeCases } from "./transport-life.js";
import { limitCases } from "./transport-limits.js";

export type { TransportWorld };

export interface TransportSuiteOptions extends SuiteOptions {
  /** One network, and transports on it. Called anew for each case. */
  readonly create: () => TransportWorld | Promise<TransportWorld>;
}

const WANTED = "{ transport(), tooLongBytes, queueBytesMax }: one network, and transports on it";
const HINT = "If you have myTransport(network), return { transport: () => myTransport(network), ... }. ";

/**
 * What every `Transport` must do on a healthy network: deliver whole frames, own them once, drop at its limits without a
 * throw, follow the address book, tell incarnations apart, and fall silent at close. Bytes on the wire and silent peers are each adapter's
 * own matter.
 */
export function transportSuite(options: TransportSuiteOptions): void {
  const register = caseRunner(options);
  const add: AddCase = (name, body) =>
    register(name, async (scope) => {
      const world = shaped(await options.create(), ["transport"], WANTED, HINT);
      scope.defer("dispose() of the world", () => world.dispose?.());
      scope.advanceWith(world.advance && (() => world.advance?.()));
      await body(new TransportBench(world, scope));
    });
  deliveryCases(add);
  limitCases(add);
  lifeCases(add);
}
