import { SynodError } from "@synod/interface";

/** Something that reads bytes of others. */
export interface Target {
  readonly name: string;
  /** What it was made for, to begin with. */
  readonly samples: readonly Uint8Array[];
  /**
   * Reads an input. It may refuse it with a `SynodError`; whatever else is thrown is a finding, and so is taking too long.
   * @returns what came of it, for coverage: inputs that lead to something new are kept and changed further
   */
  run(input: Uint8Array): string | Promise<string>;
}

/** What an input came to: the shape of the result or the text of the refusal, without its numbers. */
export function outcomeOf(work: () => unknown): string {
  try {
    return shapeOf(work(), 3);
  } catch (error) {
    return refusalOf(error);
  }
}

/** @throws what is no refusal */
export function refusalOf(error: unknown): string {
  if (!(error instanceof SynodError)) throw error;
  return `${error.code} ${error.message.replaceAll(/[0-9]+|"[^"]*"/g, "").slice(0, 80)}`;
}

/** Kinds and names, and how large things are, roughly. */
function shapeOf(value: unknown, depth: number): string {
  if (value instanceof Uint8Array) return `b${Math.min(3, value.length)}`;
  if (Array.isArray(value))
    return `[${value.length > 2 ? 3 : value.length}${depth > 0 && value.length > 0 ? shapeOf(value[0], depth - 1) : ""}]`;
  if (typeof value === "object" && value !== null) {
    if (depth === 0) return "{}";
    return Object.entries(value)
      .map(([key, part]) =>
        key === "kind" || key === "type" ? String(part).slice(0, 20) : key + shapeOf(part, depth - 1),
      )
      .join(",");
  }
  if (typeof value === "number") return value === 0 ? "0" : value > 2 ** 32 ? "N" : "n";
  return (typeof value)[0] ?? "";
}
