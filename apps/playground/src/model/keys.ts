import type { Action } from "@synod/lecture";
import { canArrive, isolate, serversOf } from "./moves.js";
import type { Event, Stage, State } from "./state.js";
import { figureOf } from "./figure.js";
import { branchOf, worldAt } from "./tree.js";

/** What the keys do, as the help shows it. */
export const KEYS: readonly { readonly keys: readonly string[]; readonly does: string }[] = [
  { keys: ["→", "n"], does: "next step" },
  { keys: ["←", "p"], does: "one step back" },
  { keys: ["Home", "End"], does: "to the beginning, to the end" },
  { keys: ["Space"], does: "play or pause" },
  { keys: ["+", "−"], does: "faster, slower" },
  { keys: ["j", "k"], does: "next, previous message on its way" },
  { keys: ["Enter"], does: "let that message arrive" },
  { keys: ["d"], does: "drop it" },
  { keys: ["u"], does: "duplicate it: a copy arrives" },
  { keys: ["w"], does: "let it wait, or no longer" },
  { keys: ["1 – 7"], does: "pick a server" },
  { keys: ["x"], does: "crash that server, or restart it" },
  { keys: ["t"], does: "it has waited long enough: time-out" },
  { keys: ["c"], does: "cut it off, or heal the network" },
  { keys: ["f"], does: "find a counterexample" },
  { keys: ["[", "]"], does: "previous, next story" },
  { keys: ["?"], does: "these keys" },
];

/** What a key means now; null: nothing. `find`, `previous` and `following` are for the page itself. */
export function meaningOf(key: string, state: State): Event | "find" | "previous" | "following" | null {
  if (key === "?") return { do: "help" };
  if (key === "Escape") return state.help ? { do: "help" } : state.note === "" ? null : { do: "closeNote" };
  const { stage } = state;
  if (stage === null || state.help) return null;
  return meaningOfMove(key) ?? meaningOfMessage(key, stage) ?? meaningOfServer(key, stage) ?? meaningOfPage(key, state);
}

function meaningOfMove(key: string): Event | null {
  switch (key) {
    case "ArrowRight":
    case "n":
      return { do: "next" };
    case "ArrowLeft":
    case "p":
      return { do: "back" };
    case "Home":
      return { do: "first" };
    case "End":
      return { do: "last" };
    case " ":
      return { do: "play" };
  }
  return null;
}

function meaningOfMessage(key: string, stage: Stage): Event | null {
  const { flights } = worldAt(stage.tree);
  const index = flights.findIndex((flight) => flight.id === stage.message);
  if (key === "j" || key === "k") {
    if (flights.length === 0) return null;
    const next =
      index < 0
        ? key === "j"
          ? 0
          : flights.length - 1
        : (index + (key === "j" ? 1 : flights.length - 1)) % flights.length;
    return { do: "message", id: flights[next]?.id ?? null };
  }
  const flight = flights[index] ?? flights[0];
  if (flight === undefined) return null;
  const { id } = flight;
  if (key === "d") return { do: "act", action: { do: "lose", id } };
  if (key === "w") return { do: "hold", id };
  if (!canArrive(worldAt(stage.tree), flight)) return null;
  if (key === "Enter") return { do: "act", action: { do: "deliver", id } };
  return key === "u" ? { do: "act", action: { do: "duplicate", id } } : null;
}

function meaningOfServer(key: string, stage: Stage): Event | null {
  const world = worldAt(stage.tree);
  const at = stage.server;
  const server = world.servers[at];
  const act = (action: Action): Event => ({ do: "act", action });
  if (/^[1-7]$/.test(key)) return serversOf(world).includes(`S${key}`) ? { do: "server", id: `S${key}` } : null;
  if (server === undefined) return null;
  if (key === "x") return act(server.up ? { do: "crash", at } : { do: "restart", at, disk: "kept" });
  if (key === "t") return server.up && stage.protocol.onTimeout !== undefined ? act({ do: "timeout", at }) : null;
  if (key === "c")
    return act(world.cuts.length > 0 ? { do: "heal" } : isolate(figureOf(branchOf(stage.tree)).lanes, at));
  return null;
}

function meaningOfPage(key: string, { speed }: State): Event | "find" | "previous" | "following" | null {
  switch (key) {
    case "+":
    case "=":
      return { do: "speed", speed: Math.min(4, speed * 2) };
    case "-":
      return { do: "speed", speed: Math.max(0.5, speed / 2) };
    case "f":
      return "find";
    case "[":
      return "previous";
    case "]":
      return "following";
  }
  return null;
}
