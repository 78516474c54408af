import type { Learning, LeaseTerms, Member, NodeId, QuorumSpec } from "@synod/interface";
import { formatBallot } from "@synod/paxos";
import type { ReadVia, ReplicaSettings } from "../src/index.js";
import { configurationOf } from "./disk.js";
import { Server } from "./transcripts-server.js";
import { type Flight, type Matches, ROUND_MS, Stage, TIMEOUT_MS } from "./transcripts-stage.js";

const ELECTION_ROUNDS_MAX = 200;

/**
 * Runs a transcript and returns it as it should be. Lines that start with `> ` are commands; indented lines are what came of them and are
 * written anew; all other lines are prose for the reader and stay.
 */
export function perform(text: string): string {
  const script = new Script();
  const lines: string[] = [];
  for (const line of text.trimEnd().split("\n")) {
    if (line.startsWith("  ")) continue;
    lines.push(line);
    if (!line.startsWith("> ")) continue;
    try {
      lines.push(...script.run(line.slice(2)).map((event) => `  ${event}`));
    } catch (error) {
      throw new Error([...lines.slice(-40), ...script.rest(), `${line}: ${String(error)}`].join("\n"), {
        cause: error,
      });
    }
  }
  return `${lines.join("\n")}\n`;
}

type Command = (script: Script, words: readonly string[]) => void;

class Script {
  #stage: Stage | null = null;

  get stage(): Stage {
    if (this.#stage === null) throw new Error("a transcript begins with `nodes`");
    return this.#stage;
  }

  begin(stage: Stage): void {
    if (this.#stage !== null) throw new Error("`nodes` comes once");
    this.#stage = stage;
  }

  /** Runs a command and returns its log. `quietly` leaves only a count and a checksum of it. */
  run(line: string): string[] {
    const quiet = line.startsWith("quietly ");
    const [name = "", ...words] = (quiet ? line.slice("quietly ".length) : line).split(" ");
    const command = COMMANDS[name];
    if (command === undefined) throw new Error(`no command ${name}`);
    command(this, words);
    if (name !== "expect") this.stage.beats();
    const events = this.rest();
    return quiet ? [`(${events.length} events, checksum ${checksum(events.join("\n"))})`] : events;
  }

  /** What was logged since the last command. */
  rest(): string[] {
    return this.#stage?.log.splice(0) ?? [];
  }
}

const COMMANDS: Readonly<Record<string, Command>> = {
  nodes,
  /** `tick`, `tick 3`: that many election rounds, with nothing but beats arriving. */
  tick: ({ stage }, [times = "1"]) => {
    for (let i = 0; i < Number(times); i++) stage.tick();
  },
  /** `pass 100ms`: as ticks. */
  pass: ({ stage }, [time]) => {
    for (let i = 0; i < rounds(time); i++) stage.tick();
  },
  /** `run 100ms`: time passes, and everything that is not clogged arrives at once. */
  run: ({ stage }, [time]) => {
    for (let i = 0; i < rounds(time); i++) step(stage);
  },
  /** `elect 2`: runs until node 2, now the first to lose patience, leads, and two more rounds in which the others say that they follow. */
  elect: ({ stage }, [name]) => {
    const id = node(name);
    stage.impatience = [id, ...stage.impatience.filter((other) => other !== id)];
    stage.eager = id;
    for (let i = 0; i < ELECTION_ROUNDS_MAX && !stage.leaders.includes(id); i++) step(stage);
    stage.eager = null;
    if (!stage.leaders.includes(id)) throw new Error(`node ${id} does not come to lead`);
    step(stage);
    step(stage);
  },
  /** `impatient 3 1 2`: who campaigns first if all may. */
  impatient: ({ stage }, names) => {
    stage.impatience = names.map(node);
  },
  /** `propose 1 a b`; `x*300`: so many times. */
  propose: ({ stage }, [name, ...words]) => {
    const texts = words.flatMap((word) => {
      const [text = "", times = "1"] = word.split("*");
      return Array.from({ length: Number(times) }, () => text);
    });
    stage.propose(node(name), texts);
  },
  /** `transfer 1 2`: leader 1 is to hand over to server 2; `transfer 1 2 within=40`: so many milliseconds are the deadline. */
  transfer: ({ stage }, [name, to, within = "within=1000"]) =>
    stage.transfer(node(name), node(to), Number(within.split("=")[1])),
  /** `change 1 1,2,4j`: server 1 is asked for these members, `4j2` joins and replaces 2; `stamp=1`: as if that was the epoch that it knew. */
  change: ({ stage }, [name, list = "", stamp]) => {
    const epoch = stamp === undefined ? [] : [Number(stamp.split("=")[1])];
    stage.change(node(name), list.split(",").map(member), ...epoch);
  },
  snapshot: ({ stage }, [name]) => stage.snapshot(node(name)),
  forward: ({ stage }, [name, text = ""]) => stage.forward(node(name), text),
  /** `read 1`; `read 1 quorum`: without the leader. */
  read: ({ stage }, [name, via = "leader"]) => stage.read(node(name), via as ReadVia),
  /** `deliver`: all, and what follows. `deliver 1>2 accept`: what is under way on this link now, of this kind. */
  deliver: ({ stage }, words) => {
    if (words.length === 0) stage.deliverAll(({ message }) => !message.kind.startsWith("beat"));
    else some(stage.deliver(matches(words)));
  },
  drop: ({ stage }, words) => some(stage.drop(matches(words))),
  /** `dup 1>2 accept`: a copy of what is under way. */
  dup: ({ stage }, words) => {
    const flights = stage.network.filter(matches(words));
    some(flights.length);
    for (const flight of flights) stage.copy(flight);
  },
  /** `again 1>2 accept`: a copy of the last such message that was ever sent, arrived or not. */
  again: ({ stage }, words) => {
    const flight = stage.sent.filter(matches(words)).at(-1);
    some(flight === undefined ? 0 : 1);
    if (flight !== undefined) stage.copy(flight);
  },
  /** `cut 1>2 1-3`: what is sent there from now on is lost, in one direction or both; with a kind at the end only that. */
  cut: ({ stage }, words) => {
    const [before, more] = [stage.loses, matches(words)];
    stage.loses = (flight) => before(flight) || more(flight);
  },
  /** `links 1-2 1-3`: everything else is cut. */
  links: ({ stage }, words) => {
    const open = words.length === 0 ? () => false : matches(words);
    stage.loses = (flight) => !open(flight);
  },
  /** `groups 1,2 3,4,5`: only within a group messages pass. */
  groups: ({ stage }, words) => {
    const groups = words.map((word) => word.split(",").map(node));
    stage.loses = ({ from, to }) => !groups.some((group) => group.includes(from) && group.includes(to));
  },
  heal: ({ stage }) => {
    stage.loses = () => false;
  },
  /** `clog 1>2`: what is sent there waits, beats too. */
  clog: ({ stage }, words) => {
    const [before, more] = [stage.clogs, matches(words)];
    stage.clogs = (flight) => before(flight) || more(flight);
  },
  unclog: ({ stage }) => {
    stage.clogs = () => false;
  },
  "hold-disk": ({ stage }, [name]) => {
    stage.actor(node(name)).holdsDisk = true;
  },
  "free-disk": ({ stage }, [name]) => {
    stage.actor(node(name)).holdsDisk = false;
    if (stage.actor(node(name)).underWay !== null) stage.flush(node(name));
  },
  /** `damage 2 3 4`: what was flushed last at server 2, which is down, was about these slots, and is lost. */
  damage: ({ stage }, [name, ...slots]) => stage.damage(node(name), slots.map(Number)),
  /** `hold-apply 2`: its state machine stands still. */
  "hold-apply": ({ stage }, [name]) => stage.holdApply(node(name), true),
  "free-apply": ({ stage }, [name]) => stage.holdApply(node(name), false),
  flush: ({ stage }, [name]) => stage.flush(node(name)),
  crash: ({ stage }, names) => {
    for (const name of names) stage.crash(node(name), false);
  },
  "power-cut": ({ stage }, names) => {
    for (const name of names) stage.crash(node(name), true);
  },
  restart: ({ stage }, names) => {
    for (const name of names) stage.start(node(name));
  },
  /** `pause 2`: the process stands still and does not know it. */
  pause: ({ stage }, [name]) => {
    stage.actor(node(name)).paused = true;
  },
  resume: ({ stage }, [name]) => {
    stage.actor(node(name)).paused = false;
    stage.act(node(name), () => {});
  },
  /** `beats on`: beats are logged, and `deliver` lines show them. */
  beats: ({ stage }, [word]) => {
    stage.showsBeats = word === "on";
  },
  /** `credit on`: what followers say of their credit is logged. */
  credit: ({ stage }, [word]) => {
    stage.showsCredit = word === "on";
  },
  status: ({ stage }) => {
    for (const { id } of stage.actors) stage.log.push(statusOf(stage, id));
  },
  expect: ({ stage }, [what, ...words]) => expectation(stage, what, words),
};

/**
 * `nodes 3`, `nodes 1,2,3w`: the founders; `later=4,5w` are up as well, and no members yet. Then `quorum=`, `grid=`, `alpha=`, `learning=`,
 * `lease=` (milliseconds / drift in percent), `thrifty`, and settings with a number.
 */
function nodes(script: Script, [founders = "", ...options]: readonly string[]): void {
  let quorum: QuorumSpec = { kind: "majority" };
  let alpha = 64;
  let learning: Learning | null = null;
  let lease: LeaseTerms | null = null;
  let later: readonly Server[] = [];
  const settings: { thrifty?: boolean } & Partial<Record<Exclude<keyof ReplicaSettings, "thrifty">, number>> = {};
  for (const option of options) {
    const [name = "", value = ""] = option.split("=");
    const [phase1 = 0, phase2 = 0] = value.split("/").map(Number);
    if (name === "quorum") quorum = { kind: "sizes", phase1, phase2 };
    else if (name === "grid") quorum = { kind: "grid", rows: value.split("/").map((row) => row.split(",").map(node)) };
    else if (name === "alpha") alpha = Number(value);
    else if (name === "learning") learning = value as Learning;
    else if (name === "lease") lease = { durationMs: phase1, driftPercent: phase2 };
    else if (name === "thrifty") settings.thrifty = true;
    else if (name === "later") later = value.split(",").map((text) => new Server(member(text).id, text.endsWith("w")));
    else settings[name as Exclude<keyof ReplicaSettings, "thrifty">] = Number(value);
  }
  const members = founders.includes(",") ? { members: founders.split(",").map(member) } : {};
  const more = { ...(learning === null ? {} : { learning }), ...(lease === null ? {} : { lease }) };
  script.begin(
    new Stage({ ...configurationOf(Number(founders), alpha, quorum), ...members, ...more }, settings, later),
  );
}

const ROLES: Readonly<Record<string, NonNullable<Member["role"]>>> = {
  w: "witness",
  l: "learner",
  j: "joining",
  v: "joiningWitness",
};

/** `4`, or with what it is: `4w` a witness, `4l` a learner, `4j` joining, `4v` joining as a witness. */
function member(text: string): Member {
  const [, id, letter, replaces = ""] = /^(\d+)([a-z]?)(\d*)$/.exec(text) ?? [];
  const role = ROLES[letter ?? ""];
  if (letter !== "" && role === undefined) throw new Error(`${text} is no member`);
  return {
    id: node(id),
    ...(role === undefined ? {} : { role }),
    ...(replaces === "" ? {} : { replaces: node(replaces) }),
  };
}

/** `leader 2`, `leader none`, `executed 1 2 3: a b`, `waiting` (messages under way) `0`. */
function expectation(stage: Stage, what: string | undefined, words: readonly string[]): void {
  const fail = (is: string): never => {
    throw new Error(`expected ${what} ${words.join(" ")}, but it is ${is}`);
  };
  if (what === "leader") {
    const leaders = stage.leaders.join(" ") || "none";
    if (leaders !== words.join(" ")) fail(leaders);
  } else if (what === "executed") {
    const [names = "", texts = ""] = words.join(" ").split(":");
    for (const name of names.trim().split(" ")) {
      const executed = stage.actor(node(name)).executed.join(" ");
      if (executed !== texts.trim()) fail(`${executed} at node ${name}`);
    }
  } else if (what === "reads") {
    const open = stage.actors.flatMap(({ reads }) => reads.map(({ token }) => token)).join(" ") || "none";
    if (open !== words.join(" ")) fail(open);
  } else if (what === "members") {
    const [name = "", list = ""] = words.join(" ").split(":");
    const { last, settled, complete } = stage.replica(node(name.trim())).membership();
    const names = last.configuration.members.map(({ id, role }) => (role === undefined ? id : `${id} ${role}`));
    const is = `${names.join(", ")}${settled ? ", settled" : ""}${complete ? ", complete" : ""}`;
    if (is !== list.trim()) fail(is);
  } else if (what === "forgotten") {
    const [name = "", slot = ""] = words.join(" ").split(":");
    const is = stage.replica(node(name.trim())).status().compactedUpTo;
    if (is !== Number(slot)) fail(`${is}`);
  } else fail("not known to this test");
}

function statusOf(stage: Stage, id: NodeId): string {
  const { replica, executed, paused } = stage.actor(id);
  if (replica === null) return `${id} is down`;
  const { role, ballot, promised, leader, content, chosenUpTo } = replica.status();
  const follows = role === "follower" ? ` of ${leader ?? "nobody"}` : "";
  const mood = `${content ? "content" : "not content"}${paused ? ", paused" : ""}`;
  const lease = replica.leaseUntilMs === null ? "" : ", has a lease";
  const learns = replica.status().voting ? "" : ", only learns";
  const state = `${role}${follows} ${formatBallot(ballot)}, promised ${formatBallot(promised)}, ${mood}${lease}${learns}`;
  return `${id} ${state}, chosen ${chosenUpTo}: [${executed.join(" ")}]`;
}

/** `1>2 1-3 accept 2.1 s5`: links, kinds, ballots, first slots. What is not named may be any. */
function matches(words: readonly string[]): Matches {
  const links = new Set<string>();
  const kinds: string[] = [];
  const ballots: string[] = [];
  const slots: string[] = [];
  for (const word of words) {
    const [, from, way, to] = /^(\d)([->])(\d)$/.exec(word) ?? [];
    if (from === undefined) (/^s\d+$/.test(word) ? slots : /^\d+\.\d+$/.test(word) ? ballots : kinds).push(word);
    else links.add(`${from}>${to}`);
    if (way === "-") links.add(`${to}>${from}`);
  }
  return ({ from, to, message }: Flight) =>
    (links.size === 0 || links.has(`${from}>${to}`)) &&
    (kinds.length === 0 || kinds.includes(message.kind)) &&
    (ballots.length === 0 || ("ballot" in message && ballots.includes(formatBallot(message.ballot)))) &&
    (slots.length === 0 || ("firstSlot" in message && slots.includes(`s${message.firstSlot}`)));
}

function step(stage: Stage): void {
  stage.tick();
  stage.deliverAll();
}

function node(name: string | undefined): NodeId {
  const id = Number(name);
  if (!Number.isSafeInteger(id) || id < 1) throw new Error(`${name} is no node`);
  return id;
}

function rounds(time: string | undefined): number {
  const [, amount, unit] = /^(\d+)(ms|timeouts?)$/.exec(time ?? "") ?? [];
  const count = (Number(amount) * (unit === "ms" ? 1 : TIMEOUT_MS)) / ROUND_MS;
  if (!Number.isInteger(count)) throw new Error(`${time} is no number of rounds of ${ROUND_MS} ms`);
  return count;
}

function some(count: number): void {
  if (count === 0) throw new Error("there is no such message");
}

/** FNV-1a. */
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
