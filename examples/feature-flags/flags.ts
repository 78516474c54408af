import { type Coordination, jsonValues, type KeyValue } from "@synod/coordination";
import { SynodError } from "@synod/interface";

const PREFIX = "flags/";

/** Flags as every process has them at hand: reading one asks nobody. They follow what is stored until `stop` aborts. */
export class Flags {
  readonly #kv: KeyValue<boolean>;
  #flags: ReadonlyMap<string, boolean> = new Map();
  /** Called after every change. */
  onChange: () => void = () => {};

  constructor({ kv }: Coordination) {
    this.#kv = kv.as(jsonValues<boolean>());
  }

  isOn(name: string): boolean {
    return this.#flags.get(name) ?? false;
  }

  async set(name: string, on: boolean): Promise<void> {
    await this.#kv.put(PREFIX + name, on);
  }

  /** Settles when `stop` aborts. */
  async follow(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const { entries, revision } = await this.#kv.range({ prefix: PREFIX });
      this.#take(new Map(entries.map(({ key, value }) => [key.slice(PREFIX.length), value])));
      try {
        for await (const { events } of this.#kv.watch({ prefix: PREFIX }, { from: revision + 1, signal: stop })) {
          const flags = new Map(this.#flags);
          for (const event of events) {
            const name = event.key.slice(PREFIX.length);
            if (event.kind === "put") flags.set(name, event.value);
            else flags.delete(name);
          }
          this.#take(flags);
        }
      } catch (error) {
        // Away for so long that the history is forgotten: read all of them anew.
        if (!(error instanceof SynodError) || error.code !== "Compacted") throw error;
      }
    }
  }

  #take(flags: ReadonlyMap<string, boolean>): void {
    this.#flags = flags;
    this.onChange();
  }
}
