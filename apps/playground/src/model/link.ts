import {
  type Action,
  beginRun,
  extend,
  lastWorld,
  playScenario,
  playScript,
  PROTOCOLS,
  type Run,
  type Scenario,
  SCENARIOS,
} from "@synod/lecture";
import { decodeAction, encodeAction } from "./action-code.js";

/** What an address says. `free` is the playground without a script. */
export type Place =
  | { readonly page: "home" }
  | { readonly page: "trace" }
  | { readonly page: "raft" }
  | {
      readonly page: "lesson";
      readonly scenario: Scenario;
      readonly run: Run;
      readonly at: number;
      readonly note: string;
    }
  | {
      readonly page: "free";
      readonly protocol: string;
      readonly seed: number;
      readonly run: Run;
      readonly at: number;
      readonly note: string;
    };

/** Goes up when the lecture changes so that old steps may mean something else. */
const LINK_VERSION = "3";

const ELECTED = ["S1 suspects S2", "settle"];

/** The address of a run: the rows of the script that it shares are not told again. */
export function linkOf(where: { scenario: Scenario | null; run: Run; at: number; seed: number }): string {
  const { scenario, run, at, seed } = where;
  const script = scenario === null ? [] : playScenario(scenario).actions;
  const servers = Object.keys(lastWorld(run).servers).length;
  const usual = scenario?.servers ?? run.protocol.servers;
  const shared = servers === usual ? sharedSteps(script, run.actions) : 0;
  const rest = run.actions
    .slice(shared)
    .map((action, index) => encodeAction(run.worlds[shared + index] ?? lastWorld(run), action));
  const wholeScript = shared === script.length && rest.length === 0;
  const fields: [string, string][] = [];
  if (servers !== usual) fields.push(["n", `${servers}`]);
  if (!wholeScript) fields.push(["keep", `${shared}`], ["then", rest.join("")]);
  if (at > 0) fields.push(["at", `${at}`]);
  if (scenario === null) fields.push(["seed", `${seed}`]);
  if (fields.length > 0) fields.push(["v", LINK_VERSION]);
  const query = fields.map(([key, value]) => `${key}=${value}`).join("&");
  const path = scenario === null ? `free/${run.protocol.id}` : scenario.id;
  return query === "" ? `#/${path}` : `#/${path}?${query}`;
}

function sharedSteps(script: readonly Action[], actions: readonly Action[]): number {
  const parting = actions.findIndex((action, index) => JSON.stringify(action) !== JSON.stringify(script[index]));
  return parting < 0 ? actions.length : parting;
}

/** Reads an address. What it cannot read it leaves out, and says so in `note`. */
export function readLink(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split("?");
  if (path === "trace" || path === "raft") return { page: path };
  const fields = new URLSearchParams(query);
  const [first = "", second = ""] = path.split("/");
  if (first === "free") {
    const protocol =
      PROTOCOLS.find((one) => one.id === second) ?? PROTOCOLS.find((one) => one.id === "synod-multipaxos");
    if (protocol === undefined) return { page: "home" };
    const begin = beginRun(protocol, readServers(fields));
    const isNew =
      protocol.id === "synod-multipaxos" && !fields.has("then") && Object.keys(lastWorld(begin).servers).length > 1;
    // A cluster that nobody leads yet takes no commands: the first thing to see should be one that works.
    const { run, note } = isNew ? { run: playScript(begin, ELECTED), note: "" } : readRun(begin, [], fields);
    const seed = Number.parseInt(fields.get("seed") ?? "", 10);
    return {
      page: "free",
      protocol: protocol.id,
      seed: Number.isFinite(seed) ? seed : 1,
      run,
      at: isNew ? run.rows.length : readAt(fields, run.rows.length),
      note,
    };
  }
  const scenario = SCENARIOS.find((one) => one.id === first);
  if (scenario === undefined) return { page: "home" };
  return lessonOf(scenario, fields);
}

function lessonOf(scenario: Scenario, fields: URLSearchParams): Place {
  const servers = readServers(fields);
  const script = playScenario(scenario);
  const begin = beginRun(scenario.protocol, servers ?? scenario.servers);
  const isPlain = !fields.has("then") && servers === undefined;
  const { run, note } = isPlain ? { run: script, note: versionNote(fields) } : readRun(begin, script.actions, fields);
  return { page: "lesson", scenario, run, at: readAt(fields, run.rows.length), note };
}

function readServers(fields: URLSearchParams): number | undefined {
  const servers = Number(fields.get("n") ?? "x");
  return Number.isInteger(servers) && servers >= 1 && servers <= 7 ? servers : undefined;
}

function readAt(fields: URLSearchParams, rows: number): number {
  const at = Number.parseInt(fields.get("at") ?? "0", 10);
  return Number.isFinite(at) ? Math.max(0, Math.min(rows, at)) : 0;
}

function versionNote(fields: URLSearchParams): string {
  const version = fields.get("v") ?? LINK_VERSION;
  return version === LINK_VERSION
    ? ""
    : "This link was made with another version of the lecture; some steps may differ.";
}

function readRun(begin: Run, script: readonly Action[], fields: URLSearchParams): { run: Run; note: string } {
  const keep = Math.max(0, Math.min(script.length, Number.parseInt(fields.get("keep") ?? "0", 10) || 0));
  let run = begin;
  try {
    for (const action of script.slice(0, keep)) run = extend(run, action);
    for (let text = fields.get("then") ?? ""; text !== ""; ) {
      const { action, length } = decodeAction(lastWorld(run), text);
      run = extend(run, action);
      text = text.slice(length);
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { run, note: `This link could be followed only to row ${run.rows.length}: ${why}` };
  }
  return { run, note: versionNote(fields) };
}
