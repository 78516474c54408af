// How settings and arguments are written down: each schema takes the text of a flag or variable and the value of a file alike.
import type { Member } from "@synod/interface";
import { normalAddress, parseAddress } from "@synod/transport-tcp/framing";
import { InvalidArgumentError } from "commander";
import * as v from "valibot";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

const DURATION_EXPECTED = "expected a duration with its unit, such as 500ms, 10s or 2m";

/** "500ms", "10s" or "1.5h", in milliseconds. A bare number is none: whoever writes 20 means seconds as often as milliseconds. */
export const duration: v.GenericSchema<unknown, number> = v.pipe(
  v.union([v.number(), v.string()], DURATION_EXPECTED),
  v.check((value) => parseDuration(String(value)) !== null, DURATION_EXPECTED),
  v.transform((value) => parseDuration(String(value)) ?? 0),
);

/** Of leases; the library says it in its own words. */
export const TTL_MIN_MS = 50;

/** A timer takes no more than 2^31 ms: with more it would ring at once, as if nothing had been waited for. */
const TIMER_MS_MAX = 24 * 86_400_000;

/** One that a timer waits for. */
export const timed: v.GenericSchema<unknown, number> = v.pipe(
  duration,
  v.check((ms) => ms <= TIMER_MS_MAX, "expected at most 24d"),
);

function parseDuration(text: string): number | null {
  if (text === "0") return 0;
  const [, number, unit = ""] = DURATION.exec(text) ?? [];
  return number === undefined ? null : Math.round(Number(number) * (UNITS[unit] ?? 1));
}

const whole = (least: number, what: string): v.GenericSchema<unknown, number> =>
  v.pipe(
    v.union(
      [v.number(), v.pipe(v.string(), v.regex(/^\d+$/, `expected ${what}`), v.transform(Number))],
      `expected ${what}`,
    ),
    v.check((value) => Number.isSafeInteger(value) && value >= least, `expected ${what}`),
  );

export const nodeId: v.GenericSchema<unknown, number> = whole(1, "a node id, a whole number from 1");
export const positive: v.GenericSchema<unknown, number> = whole(1, "a whole number from 1");
export const natural: v.GenericSchema<unknown, number> = whole(0, "a whole number from 0");

/** "1", "0.5" or "1%". */
export const percent: v.GenericSchema<unknown, number> = v.pipe(
  v.union([v.number(), v.string()]),
  v.transform((value) => (typeof value === "number" ? value : /^\d+(\.\d+)?%?$/.test(value) ? parseFloat(value) : NaN)),
  v.check((value) => value >= 0 && value <= 50, "expected a percentage from 0 to 50"),
);

/** Host and port of an address, if it is one: `host:port` or `[::1]:port`. */
export function splitAddress(text: string): { readonly host: string; readonly port: number } | null {
  try {
    return parseAddress(text);
  } catch {
    return null;
  }
}

export const address: v.GenericSchema<unknown, string> = v.pipe(
  v.string("expected host:port"),
  v.check((text) => splitAddress(text) !== null, "expected host:port, such as 10.0.0.1:7100 or [::1]:7100"),
);

/** An address to listen at, or `off`. */
export const listen: v.GenericSchema<unknown, string> = v.union(
  [v.literal("off"), address],
  "expected host:port or off",
);

export const text: v.GenericSchema<unknown, string> = v.pipe(
  v.string("expected a text"),
  v.nonEmpty("expected a text that is not empty"),
);

const list = <T>(item: v.GenericSchema<unknown, T>): v.GenericSchema<unknown, T[]> =>
  v.pipe(
    v.unknown(),
    v.transform((value) => (typeof value === "string" ? value.split(",").map((part) => part.trim()) : value)),
    v.array(item, "expected a list"),
  );

/** Each once. */
export const addresses: v.GenericSchema<unknown, string[]> = v.pipe(
  list(address),
  v.check((all) => all.length > 0, "expected at least one host:port"),
  v.transform((all) => [...new Set(all.map(normalAddress))]),
);

const memberObject = v.strictObject({ id: nodeId, address, name: v.optional(text) });

/** "1=10.0.0.1:7100", or an object of a file. */
const member: v.GenericSchema<unknown, Member> = v.pipe(
  v.unknown(),
  v.transform((value) => {
    if (typeof value !== "string") return value;
    const [id, ...rest] = value.split("=");
    return rest.length === 0 ? value : { id, address: rest.join("=") };
  }),
  v.custom<unknown>((value) => typeof value !== "string", "expected a member such as 1=10.0.0.1:7100"),
  memberObject,
  v.transform(({ name, ...rest }): Member => (name === undefined ? rest : { ...rest, name })),
);

export const members: v.GenericSchema<unknown, Member[]> = v.pipe(
  list(member),
  v.check((all) => all.length > 0, "expected at least one member"),
  v.check(
    (all) => twice(all.map(({ id }) => id)) === undefined,
    ({ input }) => `expected each id once, found ${twice(input.map(({ id }) => id))} twice`,
  ),
  v.check(
    (all) => twice(addressesIn(all)) === undefined,
    ({ input }) => `expected each address once, found ${twice(addressesIn(input))} twice`,
  ),
);

const addressesIn = (all: readonly Member[]): string[] =>
  all.flatMap(({ address: at }) => (at === undefined ? [] : [normalAddress(at)]));

/** The first that stands there again. */
const twice = <T>(all: readonly T[]): T | undefined => all.find((one, i) => all.indexOf(one) !== i);

export const oneOf = <const T extends readonly string[]>(...options: T): v.GenericSchema<unknown, T[number]> =>
  v.picklist(options, `expected ${options.join(" or ")}`);

/** What was found, in a few words. No long text and nothing that is made of parts: a secret may be in the wrong place. */
function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  const json = JSON.stringify(value) ?? typeof value;
  return json.length > 30 ? `a text of ${json.length - 2} characters` : json;
}

/** Nothing is shown of a token, nor of a file that is a text as a whole. */
const isSecret = (where: string, value: unknown): boolean =>
  /(^|\.)token$/.test(where) || (where === "" && typeof value === "string");

/** `key: expected ..., found ...` for each thing that is wrong. */
export function complaints(issues: readonly v.BaseIssue<unknown>[], at: string): string[] {
  return issues.map((issue) => {
    const path = (issue.path ?? [])
      .map(({ key }) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
      .join("");
    const where = `${at}${path}`.replace(/^\./, "");
    const place = where === "" ? "" : `${where}: `;
    if (issue.type === "strict_object" && issue.expected === "never") return `${place}there is no such key`;
    if (issue.type === "strict_object" && issue.received === "undefined") return `${place}it is missing`;
    const expected = issue.message.startsWith("expected")
      ? issue.message
      : `expected ${issue.expected ?? issue.message}`;
    const complete = isSecret(where, issue.input) || expected.includes(", found ");
    return complete ? `${place}${expected}` : `${place}${expected}, found ${shown(issue.input)}`;
  });
}

const flagOf =
  (schema: v.GenericSchema<unknown, number>) =>
  (value: string): number => {
    const parsed = v.safeParse(schema, value);
    if (parsed.success) return parsed.output;
    throw new InvalidArgumentError(parsed.issues[0].message);
  };

/** For commander. */
export const durationFlag: (value: string) => number = flagOf(duration);
export const timedFlag: (value: string) => number = flagOf(timed);
