import { type Coordination, jsonValues } from "@synod/coordination";

export interface Settings {
  readonly everyMs: number;
}

export async function saveSettings({ kv }: Coordination, settings: Settings): Promise<void> {
  await kv.as(jsonValues<Settings>()).put("scheduler/settings", settings);
}

/** Every settings from now on, those that are there first. */
export async function* settingsOf({ kv }: Coordination, signal: AbortSignal): AsyncGenerator<Settings> {
  const settings = kv.as(jsonValues<Settings>());
  const { entries, revision } = await settings.range({ key: "scheduler/settings" });
  for (const { value } of entries) yield value;
  for await (const { events } of settings.watch({ key: "scheduler/settings" }, { from: revision + 1, signal })) {
    for (const event of events) if (event.kind === "put") yield event.value;
  }
}

/** Claims a run: false if somebody else was first. */
export async function claim({ kv }: Coordination, run: string, owner: string): Promise<boolean> {
  const { done } = await kv.as(jsonValues<string>()).compareAndSet(`scheduler/runs/${run}`, 0, owner);
  return done;
}

/** In the list of workers for as long as this process lives. */
export async function register({ kv, leases }: Coordination, name: string): Promise<AsyncDisposable> {
  const lease = await leases.grant({ ttlMs: 10_000 });
  await kv.as(jsonValues<string>()).put(`scheduler/workers/${name}`, name, { lease });
  return lease;
}
