type Patch = () => void;

/**
 * Runs something synchronous and tells which of the host's sources of time, chance and later turns it used. They work as ever
 * meanwhile.
 */
export function watched(run: () => void): string[] {
  const used = new Set<string>();
  const undo: Patch[] = [];
  const host = globalThis as unknown as Record<string, unknown>;
  const watch = (owner: unknown, key: string, name: string): void => {
    if ((typeof owner !== "object" && typeof owner !== "function") || owner === null) return;
    const original: unknown = Reflect.get(owner, key);
    if (typeof original !== "function") return;
    undo.push(
      replace(owner, key, function (this: unknown, ...args: unknown[]): unknown {
        used.add(name);
        return Reflect.apply(original, this, args);
      }),
    );
  };
  watch(host["Math"], "random", "Math.random()");
  watch(host["performance"], "now", "performance.now()");
  for (const key of ["getRandomValues", "randomUUID"]) watch(host["crypto"], key, `crypto.${key}()`);
  for (const key of ["setTimeout", "setInterval", "setImmediate", "queueMicrotask", "fetch"])
    watch(host, key, `${key}()`);
  undo.push(replace(host, "Date", watchedDate(used)));
  try {
    run();
  } finally {
    for (const back of undo.reverse()) back();
  }
  return [...used];
}

/** `new Date(ms)` is a pure function; without an argument it is a clock. */
function watchedDate(used: Set<string>): DateConstructor {
  const original = Date;
  return new Proxy(original, {
    construct: (target, args: unknown[], newTarget) => {
      if (args.length === 0) used.add("new Date()");
      return Reflect.construct(target, args, newTarget) as Date;
    },
    apply: (target) => {
      used.add("Date()");
      return target();
    },
    get: (target, key, receiver) => {
      if (key === "now") used.add("Date.now()");
      return Reflect.get(target, key, receiver) as unknown;
    },
  });
}

/** @returns what undoes it; a property that cannot be replaced stays. */
function replace(owner: object, key: string, value: unknown): Patch {
  const before = Object.getOwnPropertyDescriptor(owner, key);
  const done = Reflect.defineProperty(owner, key, { value, configurable: true, writable: true });
  return () => {
    if (!done) return;
    if (before === undefined) Reflect.deleteProperty(owner, key);
    else Object.defineProperty(owner, key, before);
  };
}
