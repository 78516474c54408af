import { SynodError } from "@synod/interface";
import { type Given, gives } from "./driver.js";

/** Errors after which a node must not continue. */
const FATAL = new Set(["InvariantViolated", "RoundsExhausted", "ApplyFailed"]);

/** The `FATAL` output that an error stands for, or null for another error. */
export function fatalText(error: unknown): string | null {
  return error instanceof SynodError && FATAL.has(error.code) ? `FATAL ${error.message}` : null;
}

/** A message that the code refuses as bad input counts as one that never came. */
export function silentIfRefused(step: () => Given): Given {
  try {
    return step();
  } catch (error) {
    if (error instanceof SynodError && error.code === "InvalidArgument") return gives();
    throw error;
  }
}
