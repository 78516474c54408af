import { type Action, beginRun, extend, LADDER, lastWorld, type Row, type Run, type World } from "@synod/lecture";
import { type Driver, feedOf, type Given, gives } from "../driver.js";
import { type Case, NotationError } from "../notation.js";
import { Start } from "../terms.js";

const PROTOCOLS = new Map([
  ["discard", "discard"],
  ["buffer", "buffer"],
  ["learn", "learn"],
  ["retrans", "takeover"],
  ["wait", "wait-for-learn"],
]);

/** One of the two servers of the lecture's protocols: the leader, S1, or, if an Accept arrives in the case, S2. */
export const twoServers: Driver = {
  subject: "@synod/lecture",
  start(one: Case) {
    const mode = new Start(one).word("mode") ?? "";
    const protocol = LADDER.find(({ id }) => id === PROTOCOLS.get(mode));
    if (protocol === undefined)
      throw new NotationError(`"mode" is one of ${[...PROTOCOLS.keys()].join(" ")}, not "${mode}"`);
    const isLeader = !one.steps.some(({ input }) => /^ACC\b/i.test(input));
    const [me, peer] = isLeader ? ["S1", "S2"] : ["S2", "S1"];

    let run = beginRun(protocol);
    const act = (action: Action): Given => {
      run = extend(run, action);
      const row = run.rows.at(-1);
      return gives(...(row === undefined ? [] : outputsOf(row, lastWorld(run), me)));
    };
    const arrive = (fields: Readonly<Record<string, unknown>> & { readonly type: string }): Given => {
      run = withMessage(run, peer, me, fields);
      return act({ do: "deliver", id: lastWorld(run).nextId - 1 });
    };
    return feedOf("a server of two", [
      [/^REQ (\S+)$/i, (value = "") => act({ do: "ask", client: `C ${value}`, value, to: me })],
      [/^ACC (\d+) (\S+)$/i, (slot = "", value = "") => arrive({ type: "ACC", slot: Number(slot), value })],
      [/^LRN (\d+)$/i, (slot = "") => arrive({ type: "LRN", slot: Number(slot) })],
      [/^TIMER$/i, () => act({ do: "timeout", at: me })],
      [/^PEER_DOWN$/i, () => act({ do: "suspect", at: me, of: peer })],
    ]);
  },
};

/** The run with a message on its way that nobody in it has sent. */
function withMessage(
  run: Run,
  from: string,
  to: string,
  fields: Readonly<Record<string, unknown>> & { readonly type: string },
): Run {
  const world = lastWorld(run);
  const flight = { id: world.nextId, from, to, message: { ...fields, from }, row: world.row };
  const next: World = { ...world, flights: [...world.flights, flight], nextId: world.nextId + 1 };
  return { ...run, worlds: [...run.worlds.slice(0, -1), next] };
}

/** What a row says in the words of the cases: a takeover first, then execution and replies, then messages. */
function outputsOf({ action, marks, sends }: Row, world: World, me: string): string[] {
  const state = world.servers[me]?.state;
  const isSingle = action.do === "suspect" && state !== undefined && "single" in state && state.single === true;
  const done = marks.flatMap((mark): string[] => {
    if (mark.mark === "executed") return [`EXEC ${mark.value}`];
    return mark.mark === "answered" ? [`REPLY ${mark.value}`] : [];
  });
  // Marks come kind by kind; each command is executed and then answered.
  const commands = done.filter((text) => text.startsWith("EXEC"));
  const replies = done.filter((text) => text.startsWith("REPLY"));
  const inTurn = commands.flatMap((text) => [text, ...replies.filter((reply) => reply.slice(6) === text.slice(5))]);
  const again = replies.filter((reply) => !inTurn.includes(reply));
  return [...(isSingle ? ["SINGLE"] : []), ...inTurn, ...again, ...sends.map(({ label }) => label.replace("#", ""))];
}
