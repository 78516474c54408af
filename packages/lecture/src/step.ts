import { SynodError } from "@synod/interface";
import { copy } from "./plain.js";
import type { Body, Effect, Message, ProcessId, Protocol, Request, ServerState, Value } from "./shape.js";
import { sentenceOf } from "./sentences.js";
import { wordsForMajority, wordsForReject, wordsForSilence } from "./silence.js";
import { labelOf, listOf, type Mark, phaseOf, type Row } from "./trace.js";
import {
  type Action,
  type Ballots,
  type Decision,
  type Flight,
  isCut,
  type Issued,
  linkOf,
  linksBetween,
  quorumOf,
  type Spending,
  type World,
} from "./world.js";

/** The next world alone: for those who look at very many. */
export function nextWorld(protocol: Protocol, world: World, action: Action): World {
  const turn = new Turn(protocol, world, action, false);
  turn.run();
  return turn.world;
}

type Draft = { -readonly [K in keyof World]: World[K] };
type Sent = Row["sends"][number];

/** What one action does: the next world, and the row that tells of it. Throws `InvalidArgument` for what is not possible now. */
export function step(protocol: Protocol, world: World, action: Action): { world: World; row: Row } {
  const turn = new Turn(protocol, world, action);
  turn.run();
  return turn.end();
}

class Turn {
  readonly #protocol: Protocol;
  readonly #before: World;
  readonly #action: Action;
  readonly #world: Draft;
  /** Whether anybody reads the row. */
  readonly #tells: boolean;
  readonly #marks: Mark[] = [];
  readonly #sends: Sent[] = [];
  #at: ProcessId | null = null;
  #arrow: Row["arrow"] = null;
  #outcome: Row["outcome"] = "none";

  constructor(protocol: Protocol, world: World, action: Action, tells: boolean = true) {
    this.#tells = tells;
    this.#protocol = protocol;
    this.#before = world;
    this.#action = action;
    this.#world = { ...world, row: world.row + 1 };
  }

  run(): void {
    const action = this.#action;
    switch (action.do) {
      case "ask":
        this.#ask(action.client, action.value);
        return this.#receive(action.to, { type: "REQ", from: action.client, value: action.value } as Request);
      case "send":
        this.#ask(action.client, action.value);
        this.#at = action.client;
        return this.#send(action.client, action.to, { type: "REQ", value: action.value });
      case "deliver":
      case "duplicate":
        if (action.do === "duplicate") this.#spend("duplicates");
        return this.#deliver(action.id, action.do === "duplicate");
      case "lose":
        this.#spend("losses");
        this.#take(this.#flight(action.id));
        this.#outcome = "lost";
        return;
      case "timeout":
        this.#spend("timeouts");
        this.#handle(action.at, (s) => this.#protocol.onTimeout?.(s) ?? []);
        return this.#explain(action.at, null);
      case "suspect":
        return this.#suspect(action.at, action.of);
      case "crash":
        this.#spend("crashes");
        this.#at = action.at;
        this.#set(action.at, false, this.#up(action.at));
        this.#marks.push({ mark: "crashed", at: action.at });
        return;
      case "restart":
        return this.#restart(action.at, action.disk);
      case "cut":
        this.#world.cuts = [...new Set([...this.#world.cuts, ...linksBetween(action.sides)])].sort();
        this.#marks.push({ mark: "cut", links: linksBetween(action.sides) });
        return;
      case "heal":
        this.#world.cuts = [];
        this.#marks.push({ mark: "healed" });
        return;
    }
  }

  get world(): World {
    return this.#world;
  }

  end(): { world: World; row: Row } {
    const told = {
      row: this.#world.row,
      action: this.#action,
      at: this.#at,
      arrow: this.#arrow,
      outcome: this.#outcome,
      sends: this.#sends,
      marks: this.#marks,
    };
    return { world: this.#world, row: { ...told, text: sentenceOf(told) } };
  }

  #ask(client: ProcessId, value: Value): void {
    if (this.#world.asked[value] !== undefined) return;
    const after = [...new Set(this.#world.answers.map((answer) => answer.value))].sort();
    this.#world.asked = { ...this.#world.asked, [value]: { client, after } };
  }

  #flight(id: number): Flight {
    const flight = this.#world.flights.find((one) => one.id === id);
    if (flight === undefined) throw impossible(`no message ${id} is on its way`);
    return flight;
  }

  #take(flight: Flight): void {
    const { id, from, to, message } = flight;
    this.#at = to;
    if (this.#tells)
      this.#arrow = { id, from, to, label: labelOf(message), phase: phaseOf(message), sentRow: flight.row };
    this.#world.flights = this.#world.flights.filter((one) => one.id !== id);
  }

  #deliver(id: number, keeps: boolean): void {
    const flight = this.#flight(id);
    const { from, to, message } = flight;
    if (isCut(this.#world, from, to)) throw impossible(`the link between ${from} and ${to} is cut`);
    const { flights } = this.#world;
    this.#take(flight);
    if (keeps) this.#world.flights = flights;
    this.#outcome = this.#world.servers[to]?.up === true ? "delivered" : "lost";
    if (this.#outcome === "delivered") this.#receive(to, message);
  }

  #receive(to: ProcessId, message: Message): void {
    const before = this.#marks.length;
    this.#handle(to, (s) => this.#protocol.onMessage(s, message));
    if (!this.#tells) return;
    const rejects = this.#sends.some(({ label }) => label.startsWith("REJ"));
    const words = rejects
      ? wordsForReject(this.#world.servers[to]?.state, message)
      : wordsForMajority(this.#protocol, message, this.#world, this.#marks);
    if (words !== "") this.#marks.splice(before, 0, { mark: "notes", at: to, text: words, brief: "" });
    this.#explain(to, message);
  }

  /** A row in which nothing is to be seen says why. */
  #explain(at: ProcessId, message: Message | null): void {
    const server = this.#world.servers[at];
    if (!this.#tells || this.#marks.length + this.#sends.length > 0 || server === undefined) return;
    const text = wordsForSilence(server.state, message);
    if (text !== "") this.#marks.push({ mark: "notes", at, text, brief: "" });
  }

  #suspect(at: ProcessId, of: ProcessId): void {
    const wrongly = this.#world.servers[of]?.up === true;
    if (wrongly) this.#spend("suspicions");
    else this.#world.noticed = [...new Set([...this.#world.noticed, `${at} ${of}`])].sort();
    this.#marks.push({ mark: "suspects", at, of, wrongly });
    this.#handle(at, (s) => this.#protocol.onSuspect?.(s, of) ?? []);
  }

  #restart(at: ProcessId, disk: "kept" | "lost"): void {
    const server = this.#world.servers[at];
    if (server === undefined || server.up) throw impossible(`${at} is not down`);
    this.#spend(disk === "kept" ? "restarts" : "lostDisks");
    this.#world.noticed = this.#world.noticed.filter((pair) => !pair.split(" ").includes(at));
    const place = this.#marks.length;
    const old = server.state;
    if (disk === "lost") {
      const { me, executed, learned } = old;
      this.#world.forgotten = [
        ...this.#world.forgotten,
        learned === undefined ? { me, executed } : { me, executed, learned },
      ];
    }
    this.#set(at, true, disk === "lost" ? this.#protocol.start(at, [...old.servers]) : old);
    this.#handle(at, (s) => {
      if (disk === "kept") return this.#protocol.onRestart?.(s) ?? [];
      if (s.leads !== undefined) s.leads = false;
      return [];
    });
    const has = disk === "lost" ? "" : diskText(this.#world.servers[at]?.state);
    this.#marks.splice(place, 0, { mark: "restarted", at, disk, has });
  }

  #up(at: ProcessId): ServerState {
    const server = this.#world.servers[at];
    if (server === undefined) throw impossible(`there is no server ${at}`);
    if (!server.up) throw impossible(`${at} is down`);
    return server.state;
  }

  #set(at: ProcessId, up: boolean, state: ServerState): void {
    this.#world.servers = { ...this.#world.servers, [at]: { up, state } };
  }

  #handle(at: ProcessId, run: (s: ServerState) => readonly Effect[]): void {
    this.#at = at;
    const before = this.#up(at);
    const state = copy(before);
    const effects = this.#attempt(before, () => run(state));
    if (effects === null) return;
    this.#set(at, true, state);
    this.#changes(before, state);
    this.#note(at, effects);
    for (const effect of effects) this.#effect(at, effect);
  }

  /** Shipped code that finds a rule of its own broken stops its server: null. */
  #attempt(before: ServerState, run: () => readonly Effect[]): readonly Effect[] | null {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof SynodError) || error.code !== "InvariantViolated") throw error;
      this.#set(before.me, false, before);
      this.#marks.push({ mark: "stopped", at: before.me, because: error.message });
      return null;
    }
  }

  /** What it makes of a message comes before what it knows or does because of that. */
  #note(at: ProcessId, effects: readonly Effect[]): void {
    const notes = effects.flatMap((one): Mark[] =>
      one.do === "note" ? [{ mark: "notes", at, text: one.text, brief: one.brief }] : [],
    );
    const place = this.#marks.findIndex(({ mark }) => mark === "learned" || mark === "executed");
    this.#marks.splice(place < 0 ? this.#marks.length : place, 0, ...notes);
  }

  #effect(at: ProcessId, effect: Effect): void {
    switch (effect.do) {
      case "send":
        return this.#send(at, effect.to, effect.message);
      case "refuse":
        this.#marks.push({ mark: "refused", at, because: effect.because });
        return;
      case "note":
        return;
      case "answer":
        return this.#answer(at, effect.value, effect.state);
    }
  }

  #send(from: ProcessId, to: readonly ProcessId[], message: Body): void {
    // Copied: what messages and states share could be changed in one and seen in the other.
    const plain: Message = copy({ ...message, from });
    const label = this.#tells ? labelOf(plain) : "";
    const { row } = this.#world;
    if (message.type === "ACC") this.#issueAll(from, plain as Partial<Decision>);
    for (const peer of to) {
      const id = this.#world.nextId++;
      const lost = isCut(this.#world, from, peer);
      if (this.#tells) this.#sends.push({ id, from, to: peer, label, phase: phaseOf(plain), lost });
      if (!lost) this.#world.flights = [...this.#world.flights, { id, from, to: peer, message: plain, row }];
    }
  }

  /** Shipped code asks for the votes of several numbers in one message: the value of the first one, and `more`. */
  #issueAll(by: ProcessId, message: Partial<Decision> & { readonly more?: readonly Value[] }): void {
    const { slot = 0, rnd, value, more = [] } = message;
    if (rnd === undefined || value === undefined) return;
    for (const [index, one] of [value, ...more].entries()) this.#issue(by, { slot: slot + index, rnd, value: one });
  }

  #issue(by: ProcessId, { slot, rnd, value }: Decision): void {
    const known = this.#world.issued.some((one) => one.slot === slot && one.rnd === rnd && one.value === value);
    const issued: Issued = { slot, rnd, value, by };
    if (!known) this.#world.issued = [...this.#world.issued, issued];
  }

  #answer(by: ProcessId, value: Value, state: readonly Value[]): void {
    const client = this.#world.asked[value]?.client;
    if (client === undefined || client.startsWith("S")) return;
    const lost = this.#world.cuts.includes(linkOf(client, by));
    const again = this.#world.answers.some((answer) => answer.client === client && answer.value === value);
    this.#marks.push({ mark: "answered", client, by, value, state, again, lost });
    // A client drops a second answer, so that it can be wrong without harm: it is the first one that counts.
    if (!lost && !again) this.#world.answers = [...this.#world.answers, { client, value, by, state: [...state] }];
  }

  /** What changed in a server, as marks; and what the checker remembers of it. */
  #changes(before: ServerState, after: ServerState): void {
    const at = after.me;
    if (after.leads === true && before.leads !== true) this.#marks.push({ mark: "leads", at });
    if (after.leads === false && before.leads === true) this.#marks.push({ mark: "stopsLeading", at });
    if ((after.promised ?? 0) > (before.promised ?? 0)) {
      this.#marks.push({ mark: "promised", at, rnd: after.promised ?? 0 });
    }
    for (const [key, { rnd, value }] of Object.entries(after.accepted ?? {})) {
      const old = before.accepted?.[Number(key)];
      if (old?.rnd === rnd && old.value === value) continue;
      const isCopy = this.#protocol.family === "raft" && rnd < (after.promised ?? 0);
      this.#marks.push({ mark: "accepted", at, slot: Number(key), rnd, value, ...(isCopy && { copy: true }) });
      if (isCopy) continue;
      // A leader of Raft proposes by writing into its own log: when it sends that is no matter.
      if (this.#protocol.family === "raft" && after.leads === true) this.#issue(at, { slot: Number(key), rnd, value });
      this.#vote(at, { slot: Number(key), rnd, value }, after);
      const promised = before.promised ?? 0;
      if (rnd < promised) this.#world.tooLate = [...this.#world.tooLate, { by: at, promised, rnd, value }];
    }
    for (const [key, value] of Object.entries(after.learned ?? {})) {
      if (before.learned?.[Number(key)] === value) continue;
      const slot = Number(key);
      const votes = quorumOf(this.#protocol, this.#world) !== undefined;
      const wrongly = votes && !this.#world.chosen.some((one) => one.slot === slot && one.value === value);
      this.#marks.push({ mark: "learned", at, slot, value, wrongly, ...(!votes && { decided: true }) });
    }
    for (let count = before.executed.length; count < after.executed.length; count++) {
      const value = after.executed[count] ?? "";
      this.#marks.push({ mark: "executed", at, value, state: after.executed.slice(0, count + 1) });
    }
  }

  #vote(at: ProcessId, decision: Decision, state: ServerState): void {
    const { slot, rnd, value } = decision;
    const isSame = (one: Decision): boolean => one.slot === slot && one.rnd === rnd && one.value === value;
    const old = this.#world.accepted.find(isSame);
    const by = [...new Set([...(old?.by ?? []), at])].sort();
    const ballots: Ballots = { slot, rnd, value, by };
    this.#world.accepted = [...this.#world.accepted.filter((one) => one !== old), ballots];
    const quorum = quorumOf(this.#protocol, this.#world);
    if (quorum === undefined || by.length < quorum || this.#world.chosen.some(isSame)) return;
    if (this.#protocol.family === "raft") this.#choosePrefix(decision, state);
    const chosenBefore = this.#world.chosen.find((one) => one.slot === slot && one.value === value);
    this.#world.chosen = [...this.#world.chosen, { slot, rnd, value }];
    this.#marks.push({ mark: "chosen", slot, rnd, value, before: chosenBefore?.rnd ?? null });
  }

  /** In the log of who votes stands, before its entry, what stands there in every log that has the entry. */
  #choosePrefix({ slot: end, rnd }: Decision, { accepted = {} }: ServerState): void {
    for (const [key, { value }] of Object.entries(accepted)) {
      const slot = Number(key);
      if (slot >= end || this.#world.chosen.some((one) => one.slot === slot && one.value === value)) continue;
      this.#world.chosen = [...this.#world.chosen, { slot, rnd, value }];
      this.#marks.push({ mark: "chosen", slot, rnd, value, before: null });
    }
  }

  #spend(what: Spending): void {
    this.#world.spent = { ...this.#world.spent, [what]: (this.#before.spent[what] ?? 0) + 1 };
  }
}

/** The promise and the votes of a server, in words. */
function diskText(state: ServerState | undefined): string {
  if (state?.promised === undefined || state.accepted === undefined) return "";
  const votes = Object.entries(state.accepted).map(
    ([slot, { rnd, value }]) => `${slot === "0" ? "" : `for number ${slot} `}${value} of round ${rnd}`,
  );
  const promise = state.promised === 0 ? "no promise" : `promise ${state.promised}`;
  return `${promise}, ${votes.length === 0 ? "no vote" : `voted ${listOf(votes)}`}`;
}

function impossible(what: string): SynodError {
  return new SynodError("InvalidArgument", `This step is not possible now: ${what}.`);
}
