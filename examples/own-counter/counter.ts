import { msgpackCodec } from "@synod/codec-msgpack";
import type { StateMachine } from "@synod/interface";

export type CounterCommand = { readonly counter: string; readonly add: number };

const state = msgpackCodec<[name: string, value: number][]>();

/** Counters by name. The same commands in the same order give the same state on every node. */
export function counterMachine(): StateMachine<CounterCommand, string, number> {
  let counters = new Map<string, number>();
  return {
    apply({ counter, add }) {
      const result = (counters.get(counter) ?? 0) + add;
      counters.set(counter, result);
      return { result };
    },
    query: (counter) => counters.get(counter) ?? 0,
    // As of this call: what is applied while the chunks leave must not be in them.
    snapshot: () => [state.encode([...counters])],
    restore() {
      let restored: [string, number][] = [];
      return {
        write: (chunk) => void (restored = state.decode(chunk)),
        end: () => void (counters = new Map(restored)),
      };
    },
  };
}
