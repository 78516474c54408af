// What several commands read from their flags and arguments.
import { InvalidArgumentError } from "commander";
import * as v from "valibot";
import { CliError } from "./exit-codes.js";
import { address, duration, nodeId } from "./values.js";

/** That every command has which talks to a cluster. */
export interface RemoteFlags {
  readonly json?: boolean;
}

/** A number of a flag. */
export const whole =
  (least: number, most: number = Number.MAX_SAFE_INTEGER) =>
  (value: string): number => {
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= least && number <= most) return number;
    const upTo = most < Number.MAX_SAFE_INTEGER ? ` to ${most}` : "";
    throw new InvalidArgumentError(`expected a whole number from ${least}${upTo}`);
  };

/** A node id among the arguments. @throws CliError */
export function idOf(value: string | undefined): number {
  const parsed = v.safeParse(nodeId, value);
  if (parsed.success) return parsed.output;
  throw new CliError("usage", `expected a node id, a whole number from 1, found ${JSON.stringify(value)}`);
}

/** A duration among the arguments, in milliseconds. @throws CliError */
export function durationOf(value: string): number {
  const parsed = v.safeParse(duration, value);
  if (parsed.success) return parsed.output;
  throw new CliError("usage", `${parsed.issues[0].message}, found ${JSON.stringify(value)}`);
}

/** An address among the arguments. @throws CliError */
export function addressOf(value: string | undefined): string {
  const parsed = v.safeParse(address, value);
  if (parsed.success) return parsed.output;
  throw new CliError("usage", `expected host:port, found ${JSON.stringify(value)}`);
}
