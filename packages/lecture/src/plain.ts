/** A deep copy of plain data. */
export function copy<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copy) as T;
  if (typeof value !== "object" || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const key in value) result[key] = copy(value[key]);
  return result as T;
}

/** Text that is the same for equal plain data, whatever the order in which its fields were set. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  if (typeof value !== "object" || value === null) return String(value);
  let text = "";
  if (Array.isArray(value)) {
    for (const item of value) text += `${textOf(item)},`;
    return `[${text}]`;
  }
  const fields = value as Record<string, unknown>;
  for (const key of Object.keys(fields).sort()) text += `${key}:${textOf(fields[key])},`;
  return `{${text}}`;
}

const ROUND_FIELDS = new Set(["rnd", "vrnd", "promised"]);

/** Calls `see` with every round in plain data: the fields `rnd`, `vrnd` and `promised` hold nothing else. */
export function eachRound(value: unknown, see: (round: number) => void): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    if (typeof item === "number" && ROUND_FIELDS.has(key)) see(item);
    else eachRound(item, see);
  }
}

/** Copies plain data and puts other rounds in place of those in it. */
export function mapRounds(value: unknown, map: (round: number) => number): unknown {
  if (Array.isArray(value)) return value.map((item) => mapRounds(item, map));
  if (typeof value !== "object" || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    result[key] = typeof item === "number" && ROUND_FIELDS.has(key) ? map(item) : mapRounds(item, map);
  }
  return result;
}
