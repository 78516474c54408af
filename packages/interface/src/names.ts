import { SynodError } from "./error.js";

/** Letters that have to be changed, added or left out to make one word of the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(changed, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
  }
  return row[b.length] ?? 0;
}

/** The known name that was meant, as it seems; of `limits.x` the part that is written. None is near: undefined. */
export function nearestName(given: string, names: readonly string[]): string | undefined {
  const far = Math.max(2, Math.floor(given.length / 4));
  const last = (name: string): string => name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  const ranked = names.map((name) => ({ name, far: distance(given.toLowerCase(), last(name)) }));
  // The first of equals: own names come before those of nested options.
  const [best] = ranked.sort((a, b) => a.far - b.far);
  return best !== undefined && best.far <= far && best.far < given.length ? best.name : undefined;
}

/**
 * The names of an object of options, each behind `path`.
 * @param record every name of the type, as `Record<keyof Options, true>`: the compiler asks for a new option there, too
 */
export const optionNames = (record: object, path = ""): readonly string[] =>
  Object.keys(record).map((name) => `${path}${name}`);

/**
 * Refuses a misspelt option: it would be none, and its default in force.
 * @param text says of a name that it is none
 * @param given the options; what is no object is not looked at
 * @param names that it may have, as `x` or as `limits.x`
 * @param elsewhere names that belong into another object, as `limits.x`
 * @throws SynodError `InvalidArgument` for the first name that is not known, with the one that is nearest to it
 */
export function checkNames(
  text: (name: string) => string,
  given: unknown,
  names: readonly string[],
  elsewhere: readonly string[] = [],
): void {
  // What it is to be is checked elsewhere.
  if (typeof given !== "object" || given === null) return;
  const bare = names.map((name) => name.slice(name.lastIndexOf(".") + 1));
  const unknown = Object.keys(given).find((name) => !bare.includes(name));
  if (unknown === undefined) return;
  const meant = nearestName(unknown, [...names, ...elsewhere]);
  const hint = meant === undefined ? `it takes ${bare.join(", ")}` : `did you mean ${meant}?`;
  throw new SynodError("InvalidArgument", `${text(unknown)}: ${hint}`);
}

/**
 * The same for the options of one call, which is asked each time: cheap where all is well.
 * @param names that it may have, the one that is given most first
 * @throws SynodError `InvalidArgument`, also for what is no object: a number in its place would be no time limit
 */
export function checkCall(call: string, given: unknown, names: readonly string[]): void {
  if (typeof given !== "object" || given === null) {
    const text = `the options of ${call} are an object, as in { ${names[0]}: ... }, not ${String(given)}`;
    throw new SynodError("InvalidArgument", text);
  }
  for (const name in given) {
    if (!names.includes(name)) return checkNames((unknown) => `${call} has no option ${unknown}`, given, names);
  }
}
