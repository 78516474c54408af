import type { Codec } from "@synod/interface";
import type { Envelope } from "@synod/multipaxos";
import { expect, test } from "vitest";
import { type CounterNode, tableCodec, World } from "./world.js";

/** In which turn of any node what happened, by its first occurrence. */
class Diary {
  readonly #turnOf = new Map<string, number>();
  readonly turnOf = (what: string): number => this.#turnOf.get(what) ?? Number.NaN;
  turn = 0;

  note(what: string): void {
    if (!this.#turnOf.has(what)) this.#turnOf.set(what, this.turn);
  }
}

test("a leader sends what it proposes before it executes what was chosen meanwhile", async () => {
  const world = new World(3);
  const diary = new Diary();
  const soon = world.clock.soon.bind(world.clock);
  world.clock.soon = (callback) =>
    soon(() => {
      diary.turn++;
      callback();
    });
  const [plain, calls] = [tableCodec(), new Map<number, () => void>()];
  /** @param id - whose codec it is: what it encodes it sends */
  const codec = (id: number): Codec<Envelope> => ({
    encode: (envelope) => {
      if (envelope.message.kind === "accept" && envelope.message.values.length > 0) {
        diary.note(`${id} proposes ${envelope.message.firstSlot}`);
      }
      return plain.encode(envelope);
    },
    decode: (bytes) => {
      const envelope = plain.decode(bytes);
      if (envelope.message.kind === "accepted") calls.get(id)?.();
      return envelope;
    },
  });
  for (const id of world.ids) await world.boot(id, true, { codec: codec(id) });
  const id = await world.leader();
  const leader: CounterNode = world.node(id);
  const machine = world.machine(id);
  await world.settle(leader.propose({ add: 1 }));
  const apply = machine.apply.bind(machine);
  machine.apply = (command, context) => {
    if ("add" in command) diary.note(`executes ${command.add}`);
    return apply(command, context);
  };

  const before = leader.status().chosenUpTo;
  // The vote that chooses the first comes in the same turn as the second.
  let second: Promise<unknown> | null = null;
  calls.set(id, () => void (second ??= leader.propose({ add: 20 })));
  await world.settle(leader.propose({ add: 10 }));
  await world.settle(second ?? Promise.reject(new Error("no vote came")));

  const proposed = diary.turnOf(`${id} proposes ${before + 2}`);
  expect(diary.turnOf("executes 10")).toBeGreaterThan(proposed);
  expect(diary.turnOf("executes 20")).toBeGreaterThan(diary.turnOf("executes 10"));
  await world.close();
});
