import type { Configuration } from "@synod/interface";
import { broken, type Failure, usage } from "./failure.js";
import { CallError } from "./replica-process.js";

/** Who votes in a configuration, and who only learns so far. */
export function partsOf({ members }: Configuration): { voters: readonly number[]; learners: readonly number[] } {
  const voters = members.filter(({ role = "voter" }) => role === "voter").map(({ id }) => id);
  const learners = members.filter(({ role = "voter" }) => role !== "voter").map(({ id }) => id);
  return { voters, learners };
}

export function membersText(configuration: Configuration): string {
  const { voters, learners } = partsOf(configuration);
  const following = learners.length === 0 ? "" : `; ${learners.join(" ")} catching up, without a vote`;
  return `epoch ${configuration.epoch}: voters ${voters.join(" ")}${following}`;
}

export const described = (cause: unknown): string =>
  cause instanceof CallError ? `${cause.code}: ${cause.message}` : String(cause);

export function startFailure(id: number, directory: string, cause: unknown): Failure {
  if (cause instanceof CallError && cause.code === "StoreLocked") {
    return usage(`${directory} is in use by another run (replica ${id}: ${cause.message})`);
  }
  if (cause instanceof CallError && cause.code === "AddressInUse") {
    return usage(`the port of replica ${id} is taken by another program (${cause.message})`);
  }
  return broken(`replica ${id} did not start: ${described(cause)}`);
}
