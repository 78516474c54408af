import { type Coordination, textValues } from "@synod/coordination";

/** Joins a group for as long as this process lives; `leave` leaves at once. */
export async function join(
  { kv, leases }: Coordination,
  group: string,
  name: string,
): Promise<{ leave(): Promise<void> }> {
  const lease = await leases.grant({ ttlMs: 10_000 });
  await kv.as(textValues).put(`groups/${group}/${name}`, name, { lease });
  return { leave: () => lease.end() };
}

/** Who is in the group, now and after every change. */
export async function* members({ kv }: Coordination, group: string, signal: AbortSignal): AsyncGenerator<string[]> {
  const keys = { prefix: `groups/${group}/` };
  const { entries, revision } = await kv.as(textValues).range(keys);
  const names = new Set(entries.map(({ value }) => value));
  yield [...names].sort();
  for await (const { events } of kv.watch(keys, { from: revision + 1, signal })) {
    for (const { kind, key } of events) {
      const name = key.slice(keys.prefix.length);
      if (kind === "put") names.add(name);
      else names.delete(name);
    }
    yield [...names].sort();
  }
}

/** Works alone. */
export async function alone<T>(
  { locks }: Coordination,
  name: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return locks.runExclusive(name, ({ signal }) => work(signal));
}
