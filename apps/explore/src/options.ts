import { parseArgs } from "node:util";
import {
  MULTIPAXOS_RULES,
  MULTIPAXOS_SCENARIOS,
  type MultipaxosModelOptions,
  type MultipaxosScenario,
  PAXOS_RULES,
  type PaxosModelOptions,
  REFERENCE_BUGS,
  type ReferenceBug,
  type ReferenceOptions,
} from "@synod/explorer";

/** What to explore, ready for the model of that name. */
export type Choice =
  | { readonly model: "reference"; readonly options: ReferenceOptions }
  | { readonly model: "paxos"; readonly options: PaxosModelOptions }
  | { readonly model: "multipaxos"; readonly scenario: MultipaxosScenario; readonly options: MultipaxosModelOptions };

export interface Options {
  readonly choice: Choice;
  readonly statesMax: number;
}

/** A command line that makes no sense. The message says what would. */
export class UsageError extends Error {}

/** What the marks of a diagram mean. */
export const LEGEND = "p promises, v votes, C a value is chosen with this vote, * a step of its own";

const MODELS = ["paxos", "multipaxos", "reference"] as const;
const BUGS = Object.keys(REFERENCE_BUGS) as ReferenceBug[];
const SCENARIOS = Object.keys(MULTIPAXOS_SCENARIOS) as MultipaxosScenario[];

/** The options of each model, besides `--model`, `--states` and `--help`. Those named here take a whole number. */
const NUMBERS = {
  reference: ["acceptors", "values", "ballots", "q1", "q2"],
  paxos: ["acceptors", "proposers", "starts", "crashes", "lost-disks", "q1", "q2"],
  multipaxos: ["nodes", "proposals", "crashes", "repeats", "lost-disks", "alpha"],
} as const;
const OTHERS = {
  reference: ["bug", "symmetry"],
  paxos: ["rejects", "one-by-one", "late", "no-symmetry", "rule"],
  multipaxos: ["scenario", "campaigns", "rounds", "slow-disk", "rule"],
} as const;

const list = (names: readonly string[]): string => names.map((name) => `                      ${name}`).join("\n");

export const HELP: string = `explore [--model ${MODELS.join("|")}] [options]

Visits every state of a small model, breadth first, and checks the rules of Paxos in each.
The exit code is 0 if they hold, 1 if one is broken, 2 for a bad command line, 3 if the limit of --states was reached.

  --states N        give up after N distinct states (20000000)

--model paxos, the shipped @synod/paxos (default)
  --acceptors N     (3)          --proposers N   (2)
  --starts N        ballots that are begun, all together (3)
  --crashes N       crashes of proposers; 0 rules out crashes of acceptors too (1)
  --lost-disks N    disks that are lost (0); breaks Paxos
  --q1 N --q2 N     sizes of quorums (majorities); they must meet
  --rejects         acceptors say so when they refuse
  --one-by-one      promises and votes reach a proposer one by one
  --late            messages arrive however late
  --no-symmetry     acceptors are told apart
  --rule NAME       check this rule alone, of
${list(PAXOS_RULES)}

--model multipaxos, the shipped @synod/multipaxos
  --scenario NAME   ${SCENARIOS.join(", ")} (gaps)
  --nodes N --campaigns 1,2,3 --rounds 1 --proposals N --crashes N --repeats N --lost-disks N --alpha N --slow-disk
                    change the scenario
  --rule NAME       check this rule alone, of
${list(MULTIPAXOS_RULES)}

--model reference, the message-set model
  --acceptors N     (3)          --values N      (2)
  --ballots N       ballots 0 to N-1 (2)
  --q1 N --q2 N     sizes of quorums (majorities); they need not meet
  --bug ID          build in a fault, to see it found:
${list(BUGS.map((bug) => `${bug}  ${REFERENCE_BUGS[bug]}`))}
  --symmetry        acceptors and values are not told apart

In a diagram time goes down, an arrow shows where a message comes from, and the marks are: ${LEGEND}.`;

function oneOf<T extends string>(option: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value);
  if (found !== undefined) return found;
  throw new UsageError(
    `--${option} must be one of ${allowed.map((each) => JSON.stringify(each)).join(", ")}; not ${JSON.stringify(value)}`,
  );
}

function wholeNumber(option: string, value: string, min: number): number {
  const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= min) return number;
  throw new UsageError(`--${option} must be a whole number from ${min}, not ${JSON.stringify(value)}`);
}

type Given = Readonly<Record<string, string | boolean | undefined>>;

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;

function parse(argv: readonly string[]): Given {
  const numbers = Object.values(NUMBERS).flat();
  const config = Object.fromEntries([
    ...["model", "states", "bug", "rule", "scenario", "campaigns", "rounds", ...numbers].map(
      (name) => [name, text] as const,
    ),
    ...["help", "symmetry", "no-symmetry", "rejects", "one-by-one", "late", "slow-disk"].map(
      (name) => [name, flag] as const,
    ),
  ]);
  try {
    const { values } = parseArgs({ args: [...argv], options: config, strict: true, allowPositionals: false });
    return values as Given;
  } catch (error) {
    const [message] = (error instanceof Error ? error.message : String(error)).split(". ");
    throw new UsageError(`${message} (--help lists the options)`);
  }
}

function checkNames(model: Choice["model"], given: Given): void {
  const allowed: readonly string[] = [...NUMBERS[model], ...OTHERS[model], "model", "states"];
  const stray = Object.keys(given).find((name) => !allowed.includes(name));
  if (stray === undefined) return;
  const list = allowed.map((name) => `--${name}`).join(", ");
  throw new UsageError(`--${stray} is no option of the model ${model}; it takes ${list}`);
}

/** The numbers that were given, under the names that the models use. */
function numbersOf(model: Choice["model"], given: Given): Record<string, number> {
  const found: Record<string, number> = {};
  for (const name of NUMBERS[model]) {
    const value = given[name];
    const key = name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    if (typeof value === "string") found[key] = wholeNumber(name, value, 0);
  }
  return found;
}

function choiceOf(given: Given): Choice {
  const model = typeof given["model"] === "string" ? oneOf("model", given["model"], MODELS) : "paxos";
  checkNames(model, given);
  const numbers = numbersOf(model, given);
  const named = (name: string): string | undefined => (typeof given[name] === "string" ? given[name] : undefined);
  const rule = named("rule");
  switch (model) {
    case "reference": {
      const bug = named("bug");
      const symmetry = given["symmetry"] === true;
      return { model, options: { ...numbers, symmetry, bug: bug === undefined ? null : oneOf("bug", bug, BUGS) } };
    }
    case "paxos": {
      const flags = {
        rejects: given["rejects"] === true,
        oneByOne: given["one-by-one"] === true,
        late: given["late"] === true,
      };
      const rules = rule === undefined ? {} : { rules: [oneOf("rule", rule, PAXOS_RULES)] };
      return { model, options: { ...numbers, ...flags, ...rules, symmetry: given["no-symmetry"] !== true } };
    }
    case "multipaxos": {
      const scenario = oneOf("scenario", named("scenario") ?? "gaps", SCENARIOS);
      const nodes = (name: "campaigns" | "rounds"): { readonly [K in typeof name]?: number[] } => {
        const list = named(name)
          ?.split(",")
          .map((node) => wholeNumber(name, node, 1));
        return list === undefined ? {} : { [name]: list };
      };
      const options: MultipaxosModelOptions = {
        ...MULTIPAXOS_SCENARIOS[scenario],
        ...numbers,
        ...nodes("campaigns"),
        ...nodes("rounds"),
        ...(given["slow-disk"] === true ? { slowDisk: true } : {}),
        ...(rule === undefined ? {} : { rules: [oneOf("rule", rule, MULTIPAXOS_RULES)] }),
      };
      return { model, scenario, options };
    }
  }
}

/**
 * Reads the command line. Null if it asks for help.
 * @throws UsageError with one line that says what is wrong.
 */
export function parseOptions(argv: readonly string[]): Options | null {
  const given = parse(argv);
  if (given["help"] === true) return null;
  const states = given["states"];
  return {
    choice: choiceOf(given),
    statesMax: typeof states === "string" ? wholeNumber("states", states, 1) : 20_000_000,
  };
}
