import { checkLinearizability, type Operation, register, type RegisterInput } from "@synod/linearizability";
import { SeededRandom } from "@synod/simulator";
import { type Finding, firstLine } from "./child.js";

const NODES = 3;
const CLIENTS = 4;
const OPERATIONS = 10;
const SEEDS = 20;

type History = Operation<RegisterInput<number>, number | null | undefined>[];

/** Each node answers from its own copy at once, and sends what is written to the others, who take it when it comes. */
function playRegister(seed: number): History {
  const random = new SeededRandom(seed);
  const copies: (number | null)[] = Array.from({ length: NODES }, () => null);
  const agenda: { readonly atMs: number; readonly run: () => void }[] = [];
  const history: History = [];
  let nowMs = 0;
  let written = 0;
  const after = (ms: number, run: () => void): void => {
    agenda.push({ atMs: nowMs + ms, run });
    agenda.sort((a, b) => a.atMs - b.atMs);
  };
  const operate = (client: number, left: number): void => {
    if (left === 0) return;
    const node = random.int(0, NODES - 1);
    const input: RegisterInput<number> = random.chance(0.5) ? { type: "read" } : { type: "write", value: ++written };
    const call = nowMs;
    after(1 + random.int(0, 5), () => {
      const output = input.type === "read" ? (copies[node] ?? null) : undefined;
      if (input.type === "write") {
        for (let to = 0; to < NODES; to++) {
          const take = (): void => void (copies[to] = input.value);
          if (to === node) take();
          else after(random.int(1, 20), take);
        }
      }
      after(1 + random.int(0, 5), () => {
        history.push({ client, call, return: nowMs, input, output });
        after(1 + random.int(0, 5), () => operate(client, left - 1));
      });
    });
  };
  for (let client = 1; client <= CLIENTS; client++) operate(client, OPERATIONS);
  for (let next = agenda.shift(); next !== undefined; next = agenda.shift()) {
    nowMs = next.atMs;
    next.run();
  }
  return history;
}

/** Found means that the checker of histories refuses what the clients of such a register saw. */
export function lookAtRegister(): Finding {
  for (let looked = 1; looked <= SEEDS; looked++) {
    const history = playRegister(looked);
    const result = checkLinearizability(register<number>(), history);
    if (result.ok !== false) continue;
    return { found: true, looked, unit: "seeds", saw: `not linearizable: ${firstLine(result.explanation.text)}` };
  }
  return { found: false, looked: SEEDS, unit: "seeds", saw: "" };
}
