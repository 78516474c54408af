/** What `create` gave is not what the suite works with. */
export class WrongShape extends Error {}

/**
 * What `create` gave, if it has these methods.
 *
 * @throws WrongShape that says what `create` must return.
 */
export function shaped<T>(created: T, methods: readonly string[], wanted: string, hint = ""): T {
  const members = created as Record<string, unknown> | null | undefined;
  const missing = methods.filter((name) => typeof members?.[name] !== "function");
  if (missing.length === 0) return created;
  throw new WrongShape(
    `create() must return ${wanted}; it gave ${outline(created)}, without ${missing.map((name) => `${name}()`).join(", ")}. ` +
      `${hint}No case can run like that: this one stands for all of the suite.`,
  );
}

/** Names of what an object has, those of its class too. */
function outline(value: unknown): string {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return String(value);
  const names = new Set<string>();
  for (let at: unknown = value; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    if (at === Function.prototype) break;
    for (const name of Object.getOwnPropertyNames(at)) if (name !== "constructor") names.add(name);
  }
  const what = typeof value === "function" ? "a function" : "an object";
  return names.size === 0 ? `${what} with nothing in it` : `${what} with ${[...names].slice(0, 10).join(", ")}`;
}
