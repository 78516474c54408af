import {
  type Action,
  beginRun,
  type ProcessId,
  type Protocol,
  playScenario,
  playScript,
  replay,
  type Run,
  type Scenario,
  type ScenarioSearch,
} from "@synod/lecture";
import type { Place } from "./link.js";
import { clientsOf, nextByItself, randomMove, serversOf } from "./moves.js";
import { act, branchOf, moveTo, newTree, rowsIn, showBranch, type Tree, treeOf, worldAt } from "./tree.js";
import type { Trace } from "./trace-file.js";
import type { Guess } from "./verdict.js";

/** A search as the page sees it. */
export interface SearchView {
  readonly wanted: ScenarioSearch;
  readonly protocol: string;
  readonly state: "running" | "stopped" | "found" | "none" | "unknown" | "failed";
  readonly states: number;
  readonly depth: number;
  readonly ms: number;
}

/** What stands beside the picture. */
export type Tab = "servers" | "code" | "compare" | "rules" | "search";

/** A scenario or the free playground: a protocol, and all that was tried with it. */
export interface Stage {
  readonly scenario: Scenario | null;
  readonly protocol: Protocol;
  readonly tree: Tree;
  /** Messages that are held back: they do not arrive by themselves. */
  readonly held: readonly number[];
  /** The message that keys act on. */
  readonly message: number | null;
  /** The server that keys act on. */
  readonly server: ProcessId;
  /** Whose knowledge is shown; null: all that is. */
  readonly eyes: ProcessId | null;
  readonly search: SearchView | null;
  readonly tab: Tab;
  readonly seed: number;
  /** Whether steps are made by chance where nothing is written. */
  readonly byChance: boolean;
  /** The run of which somebody asked the checker how it ends. */
  readonly judged: Run | null;
}

export interface State {
  readonly page: "home" | "stage" | "trace" | "raft";
  readonly stage: Stage | null;
  readonly trace: Trace | null;
  readonly playing: boolean;
  /** Steps a second. */
  readonly speed: number;
  readonly guesses: Readonly<Record<string, Guess>>;
  readonly help: boolean;
  /** Something to say once: a link that could not be followed, a file that is none. */
  readonly note: string;
}

export type Event =
  | { readonly do: "open"; readonly place: Place }
  | {
      readonly do: "next" | "back" | "first" | "last" | "tick" | "play" | "startOver" | "chance" | "judge";
    }
  /** Past the end of the story: what is still on its way. */
  | { readonly do: "goOn" }
  | { readonly do: "help" | "closeNote" }
  | { readonly do: "speed"; readonly speed: number }
  | { readonly do: "row"; readonly row: number }
  | { readonly do: "act"; readonly action: Action }
  | { readonly do: "hold"; readonly id: number }
  | { readonly do: "message"; readonly id: number | null }
  | { readonly do: "server"; readonly id: ProcessId }
  | { readonly do: "eyes"; readonly of: ProcessId | null }
  | { readonly do: "tab"; readonly tab: Tab }
  | { readonly do: "branch"; readonly tip: number }
  | { readonly do: "servers"; readonly count: number }
  | { readonly do: "seed"; readonly seed: number }
  | { readonly do: "guess"; readonly guess: Guess }
  | { readonly do: "search"; readonly search: SearchView }
  /** What the worker says of a search that was begun here. */
  | { readonly do: "news"; readonly search: SearchView }
  | { readonly do: "found"; readonly search: SearchView; readonly actions: readonly Action[] }
  | { readonly do: "trace"; readonly trace: Trace }
  | { readonly do: "note"; readonly note: string };

export const SPEEDS: readonly number[] = [0.5, 1, 2, 4];

export const START: State = {
  page: "home",
  stage: null,
  trace: null,
  playing: false,
  speed: 1,
  guesses: {},
  help: false,
  note: "",
};

/** Everything that can happen on the page. Pure: the same state and event give the same state. */
export function reduce(state: State, event: Event): State {
  switch (event.do) {
    case "open":
      return open(state, event.place);
    case "help":
      return { ...state, help: !state.help, playing: false };
    case "closeNote":
      return { ...state, note: "" };
    case "note":
      return { ...state, note: event.note };
    case "speed":
      return { ...state, speed: event.speed };
    case "trace":
      return { ...state, page: "trace", trace: event.trace, playing: false, note: "" };
    case "guess": {
      const { scenario } = state.stage ?? {};
      return scenario ? { ...state, guesses: { ...state.guesses, [scenario.id]: event.guess } } : state;
    }
    default:
      return state.stage === null ? state : onStage(state, state.stage, event);
  }
}

type StageEvent = Exclude<Event, { do: "open" | "help" | "closeNote" | "note" | "speed" | "trace" | "guess" }>;

function onStage(state: State, stage: Stage, event: StageEvent): State {
  const show = (change: Partial<Stage>, playing: boolean = false): State => ({
    ...state,
    playing,
    note: "",
    stage: { ...stage, ...change },
  });
  const { tree } = stage;
  switch (event.do) {
    case "next":
      return (isStoryEnd(stage) ? null : step(state, stage)) ?? { ...state, playing: false };
    case "goOn":
      return step(state, stage) ?? { ...state, playing: false };
    case "tick":
      return state.playing ? (step(state, stage, true) ?? { ...state, playing: false }) : state;
    case "play":
      return state.playing ? { ...state, playing: false } : play(state, stage);
    case "back":
      return show({ tree: moveTo(tree, tree.at - 1), message: null });
    case "first":
      return show({ tree: moveTo(tree, 0), message: null });
    case "last":
      return show({ tree: moveTo(tree, rowsIn(tree)), message: null });
    case "row":
      return show({ tree: moveTo(tree, event.row), message: null });
    case "act":
      return tryAct(state, stage, event.action);
    case "hold": {
      const held = stage.held.includes(event.id)
        ? stage.held.filter((id) => id !== event.id)
        : [...stage.held, event.id];
      return show({ held });
    }
    case "message":
      return show({ message: event.id });
    case "server":
      return show({ server: event.id });
    case "eyes":
      return show({ eyes: event.of });
    case "tab":
      return { ...state, stage: { ...stage, tab: event.tab } };
    case "branch":
      return show({ tree: showBranch(tree, event.tip), message: null });
    case "servers":
      return show(withServers(stage, event.count));
    case "startOver":
      return show({
        tree: newTree(stage.protocol, serversOf(worldAt(tree)).length),
        held: [],
        message: null,
        search: null,
      });
    case "seed":
      return show({ seed: event.seed });
    case "chance":
      return show({ byChance: !stage.byChance });
    case "judge":
      return show({ judged: branchOf(tree) });
    case "search":
      return show({ search: event.search, tab: "search" });
    case "news":
      return isAsked(stage, event.search) ? { ...state, stage: { ...stage, search: event.search } } : state;
    case "found":
      return isAsked(stage, event.search) ? found(state, stage, event.search, event.actions) : state;
  }
}

function open(state: State, place: Place): State {
  if (place.page === "home" || place.page === "trace" || place.page === "raft")
    return { ...state, page: place.page, stage: null, playing: false, note: "" };
  const scenario = place.page === "lesson" ? place.scenario : null;
  const protocol = scenario?.protocol ?? place.run.protocol;
  const stage: Stage = {
    scenario,
    protocol,
    tree: moveTo(treeOf(place.run), place.at),
    held: [],
    message: null,
    server: "S1",
    eyes: null,
    search: null,
    tab: state.stage?.tab ?? "servers",
    seed: place.page === "free" ? place.seed : 1,
    byChance: false,
    judged: null,
  };
  return { ...state, page: "stage", stage, playing: false, note: place.note };
}

/** Whether all of the story is shown, as it is written: a step more would be no part of it. */
export function isStoryEnd({ scenario, tree, byChance }: Stage): boolean {
  if (scenario === null || byChance || tree.at < rowsIn(tree)) return false;
  const told = playScenario(scenario).actions;
  const { actions } = branchOf(tree);
  return actions.length === told.length && JSON.stringify(actions) === JSON.stringify(told);
}

/** The next row of what is written; at its end, what happens by itself. Null: nothing does. */
function step(state: State, stage: Stage, onlyWritten: boolean = false): State | null {
  const { tree } = stage;
  const go = (next: Tree): State => ({ ...state, note: "", stage: { ...stage, tree: next, message: null } });
  if (tree.at < rowsIn(tree)) return go(moveTo(tree, tree.at + 1));
  if (onlyWritten && stage.scenario !== null && !stage.byChance) return null;
  const action = nextAction(stage);
  return action === null ? null : go(act(tree, action));
}

export function nextAction({ tree, protocol, held, byChance, seed }: Stage): Action | null {
  const world = worldAt(tree);
  if (byChance) return randomMove(protocol, world, clientsOf(protocol, []), seed);
  return nextByItself(world, held);
}

/** From the beginning, if the end is reached and nothing more would happen. */
function play(state: State, stage: Stage): State {
  const { tree } = stage;
  const isAtEnd = tree.at === rowsIn(tree) && rowsIn(tree) > 0;
  const again = isAtEnd && (stage.scenario !== null ? !stage.byChance : nextAction(stage) === null);
  return {
    ...state,
    playing: true,
    note: "",
    stage: again ? { ...stage, tree: moveTo(tree, 0), message: null } : stage,
  };
}

function tryAct(state: State, stage: Stage, action: Action): State {
  try {
    return { ...state, playing: false, note: "", stage: { ...stage, tree: act(stage.tree, action), message: null } };
  } catch (error) {
    return { ...state, playing: false, note: error instanceof Error ? error.message : String(error) };
  }
}

/** With another number of servers the script is played as far as it makes sense. */
function withServers(stage: Stage, count: number): Partial<Stage> {
  const { scenario, protocol } = stage;
  let run: Run = beginRun(protocol, count);
  const usual = scenario?.servers ?? protocol.servers;
  if (scenario !== null && count >= usual) {
    try {
      run = playScript(run, scenario.script);
    } catch {
      run = beginRun(protocol, count);
    }
  }
  return { tree: treeOf(run), held: [], message: null, server: "S1", eyes: null, search: null };
}

/** Whether news are of the search that is shown: those of one that was left behind come too late. */
function isAsked({ search }: Stage, news: SearchView): boolean {
  return search?.state === "running" && search.wanted === news.wanted;
}

/** Shows what the search found, from its beginning. What was tried before stays, unless it had other servers. */
function found(state: State, stage: Stage, search: SearchView, actions: readonly Action[]): State {
  const servers = search.wanted.servers ?? stage.protocol.servers;
  const isSame = serversOf(worldAt(stage.tree)).length === servers;
  const alone = treeOf(replay(beginRun(stage.protocol, servers), actions));
  const joined = isSame ? actions.reduce(act, moveTo(stage.tree, 0)) : alone;
  // An old branch that begins alike may go on; what was found ends where it was found.
  const tree = rowsIn(joined) === actions.length ? joined : alone;
  return {
    ...state,
    playing: true,
    note: "",
    stage: { ...stage, tree: moveTo(tree, 0), held: [], message: null, eyes: null, search },
  };
}
