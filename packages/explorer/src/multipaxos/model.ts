import type { Configuration, NodeId, Slot, Vote } from "@synod/interface";
import { encodeConfigurationValue, VALUE_BATCH } from "@synod/multipaxos";
import { ballotsEqual, compareBallots, formatBallot, type QuorumSystem } from "@synod/paxos";
import { count } from "../counts.js";
import { withNumbers } from "../interner.js";
import type { Event, Model } from "../model.js";
import { Book, type Decision } from "./book.js";
import { Deciding } from "./deciding.js";
import { EMPTY_DISK, type Input, type Packet, type Seen } from "./lives.js";
import { type Kind, LOG_KINDS, type MultipaxosModelOptions } from "./options.js";
import { brokenRule, type MultipaxosRule, MULTIPAXOS_RULES } from "./rules.js";
import { messageText, valueText } from "./text.js";

export type MultipaxosAction =
  | {
      readonly type: "campaign" | "propose" | "change" | "round" | "written" | "crash" | "loseDisk";
      readonly node: NodeId;
    }
  /** `again`: the packet stays in flight. */
  | { readonly type: "deliver"; readonly node: NodeId; readonly packet: number; readonly again: boolean };

/**
 * Counters, an objection, a page of each node, a decision of each slot, then what is in flight: all by number.
 */
export type MultipaxosState = readonly number[];

/** A state in full. */
export interface MultipaxosView {
  /** What can be seen of each node, node 1 first. */
  readonly nodes: readonly Seen[];
  /** What a quorum of disks has voted for in one ballot, slot 1 first; null where nothing is decided. */
  readonly decided: readonly (Decision | null)[];
  readonly inFlight: readonly Packet[];
  readonly lostDisks: number;
  readonly objection: string | null;
}

export interface MultipaxosModel extends Model<MultipaxosState, MultipaxosAction> {
  view(state: MultipaxosState): MultipaxosView;
  /** The same state with nothing in flight. */
  silence(state: MultipaxosState): MultipaxosState;
  /** The packet of a `deliver`. */
  packet(action: MultipaxosAction): Packet | null;
  readonly processes: readonly string[];
  describe(action: MultipaxosAction, before: MultipaxosState, after: MultipaxosState): Event;
}

const CAMPAIGNS = 0;
const PROPOSALS = 1;
const CRASHES = 2;
const ROUNDS = 3;
const REPEATS = 4;
const LOST_DISKS = 5;
const CHANGES = 6;
const OBJECTION = 7;
const HEAD = 8;

const commandValue = (number: number): Uint8Array => Uint8Array.of(VALUE_BATCH, 64 + number);

class ShippedMultipaxos implements MultipaxosModel {
  readonly processes: readonly string[];
  readonly #nodes: readonly NodeId[];
  readonly #campaigns: readonly NodeId[];
  readonly #rounds: readonly NodeId[];
  readonly #limits: Readonly<Record<number, number>>;
  readonly #slots: number;
  readonly #carries: ReadonlySet<Kind>;
  readonly #late: boolean;
  readonly #forbidden: boolean;
  readonly #lonelyLeader: boolean;
  readonly #rules: readonly MultipaxosRule[];
  readonly #changes: readonly Configuration[];
  readonly #deciding: Deciding;
  readonly #book: Book;

  constructor(options: MultipaxosModelOptions) {
    const nodes = count("nodes", options.nodes ?? 3, 1, 7);
    this.#nodes = Array.from({ length: nodes }, (_, index) => index + 1);
    this.#campaigns = options.campaigns ?? [1, 2];
    this.#rounds = options.rounds ?? [];
    for (const node of this.#campaigns) count("campaigns", node, 1, nodes);
    for (const node of this.#rounds) count("rounds", node, 1, nodes);
    const limit = (name: "crashes" | "repeats" | "lostDisks"): number => count(name, options[name] ?? 0, 0, 20);
    const proposals = count("proposals", options.proposals ?? 2, 0, 20);
    const changes = options.changes ?? [];
    const alpha = options.alpha ?? 2;
    this.#limits = {
      [PROPOSALS]: proposals,
      [CRASHES]: limit("crashes"),
      [REPEATS]: limit("repeats"),
      [LOST_DISKS]: limit("lostDisks"),
      [CHANGES]: changes.length,
    };
    // Each candidacy can leave a no-op of its own behind; behind a change its whole window is filled.
    this.#slots = proposals + this.#campaigns.length + changes.length * alpha;
    this.#carries = new Set(options.carries ?? LOG_KINDS);
    this.#late = options.late ?? true;
    this.#forbidden = options.forbidden ?? this.#carries.has("reject");
    this.#lonelyLeader = options.lonelyLeader ?? false;
    this.#rules = options.rules ?? MULTIPAXOS_RULES;
    const founders = options.founders ?? this.#nodes;
    for (const node of [founders, ...changes].flat()) count("members", node, 1, nodes);
    const configuration: Configuration = {
      epoch: 1,
      members: founders.map((id) => ({ id })),
      alpha,
      quorum: { kind: "majority" },
      ...(options.learning === undefined ? {} : { learning: options.learning }),
    };
    this.#changes = changes.map((ids) => ({ ...configuration, members: ids.map((id) => ({ id })) }));
    this.#deciding = new Deciding(configuration);
    const { settings = {}, slowDisk = false } = options;
    this.#book = new Book({ configuration, nodes: this.#nodes, settings, slowDisk });
    this.processes = this.#nodes.map((id) => `node ${id}`);
  }

  get #decidedAt(): number {
    return HEAD + this.#nodes.length;
  }

  get #flightAt(): number {
    return this.#decidedAt + this.#slots;
  }

  #pageOf(state: MultipaxosState, node: NodeId): number {
    return state[HEAD + node - 1] as number;
  }

  #seen(state: MultipaxosState, node: NodeId): Seen {
    return this.#book.seen(this.#pageOf(state, node));
  }

  initial(): readonly MultipaxosState[] {
    const pages = this.#nodes.map((node) => this.#book.begin(node, EMPTY_DISK));
    const empty = [...Array<number>(HEAD).fill(0), ...pages, ...Array<number>(this.#slots).fill(0)];
    return [this.#lonelyLeader ? this.#elected(empty) : empty];
  }

  #elected(empty: MultipaxosState): MultipaxosState {
    const leader = this.#campaigns[0] ?? 1;
    const peer = (leader % this.#nodes.length) + 1;
    let state = this.next(empty, { type: "campaign", node: leader });
    for (const [from, to] of [
      [leader, peer],
      [peer, leader],
    ]) {
      const delivery = this.actions(state).find((action) => {
        const packet = this.packet(action);
        return packet !== null && packet.from === from && packet.to === to;
      });
      if (delivery !== undefined) state = this.next(state, delivery);
    }
    return this.silence(this.next(state, { type: "propose", node: leader }));
  }

  key(state: MultipaxosState): MultipaxosState {
    return state;
  }

  view(state: MultipaxosState): MultipaxosView {
    return {
      nodes: this.#nodes.map((node) => this.#seen(state, node)),
      decided: state.slice(this.#decidedAt, this.#flightAt).map((number) => this.#book.decisions.value(number)),
      inFlight: state.slice(this.#flightAt).map((number) => this.#book.packets.value(number)),
      lostDisks: state[LOST_DISKS] as number,
      objection: this.#book.objections.value(state[OBJECTION] as number),
    };
  }

  silence(state: MultipaxosState): MultipaxosState {
    return state.slice(0, this.#flightAt);
  }

  packet(action: MultipaxosAction): Packet | null {
    return action.type === "deliver" ? this.#book.packets.value(action.packet) : null;
  }

  #may(state: MultipaxosState, counter: number): boolean {
    return (state[counter] as number) < (this.#limits[counter] as number);
  }

  actions(state: MultipaxosState): readonly MultipaxosAction[] {
    const actions: MultipaxosAction[] = [];
    const candidate = this.#campaigns[state[CAMPAIGNS] as number];
    if (candidate !== undefined) actions.push({ type: "campaign", node: candidate });
    for (const node of this.#nodes) {
      const { capacity, writing } = this.#seen(state, node);
      if (capacity > 0 && this.#may(state, PROPOSALS)) actions.push({ type: "propose", node });
      if (capacity > 0 && this.#may(state, CHANGES)) actions.push({ type: "change", node });
      if (writing) actions.push({ type: "written", node });
      if (this.#rounds[state[ROUNDS] as number] === node) actions.push({ type: "round", node });
      if (this.#may(state, CRASHES)) actions.push({ type: "crash", node });
      if (this.#may(state, LOST_DISKS)) actions.push({ type: "loseDisk", node });
    }
    for (let at = this.#flightAt; at < state.length; at++) {
      const packet = state[at] as number;
      const { to: node } = this.#book.packets.value(packet);
      actions.push({ type: "deliver", node, packet, again: false });
      if (this.#may(state, REPEATS)) actions.push({ type: "deliver", node, packet, again: true });
    }
    return actions;
  }

  next(state: MultipaxosState, action: MultipaxosAction): MultipaxosState {
    const { node } = action;
    const head = state.slice(0, this.#flightAt);
    let flight: readonly number[] = state.slice(this.#flightAt);
    const add = (counter: number): number => (head[counter] = (head[counter] as number) + 1);
    const tell = (name: string, input: Input): number => this.#book.tell(this.#pageOf(state, node), name, input);
    let page: number;
    switch (action.type) {
      case "campaign":
        add(CAMPAIGNS);
        page = tell("campaign", { type: "campaign" });
        break;
      case "propose": {
        const number = add(PROPOSALS);
        page = tell(`propose ${number}`, { type: "propose", value: commandValue(number) });
        break;
      }
      case "change": {
        const number = add(CHANGES);
        page = tell(`change ${number}`, { type: "change", value: this.#changeValue(number, this.#seen(state, node)) });
        break;
      }
      case "round":
        add(ROUNDS);
        page = tell("round", { type: "round" });
        break;
      case "written":
        page = tell("written", { type: "written" });
        break;
      case "crash":
        add(CRASHES);
        page = this.#book.begin(node, this.#seen(state, node).disk);
        break;
      case "loseDisk":
        add(LOST_DISKS);
        page = this.#book.begin(node, EMPTY_DISK);
        break;
      case "deliver": {
        const { from, message } = this.#book.packets.value(action.packet);
        page = tell(`packet ${action.packet}`, { type: "receive", from, message });
        if (action.again) add(REPEATS);
        else flight = flight.filter((packet) => packet !== action.packet);
        break;
      }
    }
    return this.#turn(head, flight, node, page);
  }

  /** Made for the newest configuration that the node knows. */
  #changeValue(number: number, { epoch: stamp }: Seen): Uint8Array {
    const configuration = { ...(this.#changes[number - 1] as Configuration), epoch: stamp + 1 };
    return encodeConfigurationValue({ stamp, changeId: `${number}`, configuration });
  }

  #turn(head: number[], flight: readonly number[], node: NodeId, page: number): MultipaxosState {
    head[HEAD + node - 1] = page;
    const { packets, objection } = this.#book.seen(page);
    if (objection !== null) head[OBJECTION] = this.#book.objection(`node ${node}: ${objection}`);
    this.#decide(head);
    const sent = packets
      .filter(({ message }) => this.#carries.has(message.kind))
      .map((packet) => this.#book.packet(packet));
    const all = withNumbers(flight, sent);
    return [...head, ...(this.#late ? all : all.filter((packet) => !this.#isLate(head, packet)))];
  }

  #isLate(head: readonly number[], packet: number): boolean {
    const { to, message } = this.#book.packets.value(packet);
    const { phase, ballot, promised } = this.#seen(head, to);
    switch (message.kind) {
      case "promise":
        return (
          (phase !== "prepare" && !(phase === "lead" && this.#changes.length > 0)) ||
          !ballotsEqual(message.ballot, ballot)
        );
      case "accepted":
        return phase !== "lead" || !ballotsEqual(message.ballot, ballot);
      case "prepare":
      case "accept":
        return !this.#forbidden && compareBallots(message.ballot, promised) < 0;
      default:
        return false;
    }
  }

  /** Notes what a quorum of disks votes for now. What was noted first stays: rules compare with it. */
  #decide(head: number[]): void {
    for (let slot = 1; slot <= this.#slots; slot++) {
      const at = this.#decidedAt + slot - 1;
      if (head[at] !== 0) continue;
      const decision = this.#quorumAt(head, slot);
      if (decision !== null) head[at] = this.#book.decision(decision);
    }
  }

  #quorumsAt(head: readonly number[], slot: Slot): QuorumSystem | null {
    if (this.#changes.length === 0) return this.#deciding.founders;
    const decided = head.slice(this.#decidedAt, this.#flightAt).map((number) => this.#book.decisions.value(number));
    return this.#deciding.quorumsAt(decided, slot);
  }

  #quorumAt(head: readonly number[], slot: Slot): Decision | null {
    const quorums = this.#quorumsAt(head, slot);
    if (quorums === null) return null;
    const voters = new Map<string, { decision: Decision; nodes: Set<NodeId> }>();
    for (const node of this.#nodes) {
      const vote = this.#seen(head, node).disk.votes.find((each) => each.slot === slot);
      if (vote === undefined) continue;
      const value = valueText(vote.value);
      const name = `${formatBallot(vote.ballot)} ${value}`;
      const tally = voters.get(name) ?? {
        decision: { value, ballot: vote.ballot, bytes: vote.value },
        nodes: new Set(),
      };
      voters.set(name, tally);
      tally.nodes.add(node);
      if (quorums.phase2(tally.nodes)) return tally.decision;
    }
    return null;
  }

  check(state: MultipaxosState, before: MultipaxosState | null): string | null {
    const view = this.view(state);
    const quorumsAt = (slot: Slot): QuorumSystem | null => this.#deciding.quorumsAt(view.decided, slot);
    return brokenRule(view, before === null ? null : this.view(before), quorumsAt, this.#rules);
  }

  describe(action: MultipaxosAction, before: MultipaxosState, after: MultipaxosState): Event {
    const { node } = action;
    const at = node - 1;
    const [old, now] = [this.view(before), this.view(after)];
    const [was, is] = [old.nodes[at] as Seen, now.nodes[at] as Seen];
    const decided = this.#newQuorums(before, after);
    const notes = [
      ...(action.type === "propose" || action.type === "change" ? newVotes(was, is) : []),
      ...decided,
      ...(is.phase === "lead" && was.phase !== "lead" ? [`leads in ${formatBallot(is.ballot)}`] : []),
      ...(now.objection === null ? [] : [now.objection]),
    ].join(", ");
    const packet = this.packet(action);
    const what = packet === null ? action.type : messageText(packet.message);
    const mark = this.#mark(was, is, decided.length > 0);
    const from = packet === null ? {} : { from: packet.from - 1 };
    return { at, ...from, ...mark, text: notes === "" ? what : `${what}: ${notes}` };
  }

  /** What a quorum of disks has come to vote for with this step, also where that contradicts what was decided. */
  #newQuorums(before: MultipaxosState, after: MultipaxosState): string[] {
    return Array.from({ length: this.#slots }, (_, index) => index + 1).flatMap((slot) => {
      const [old, now] = [this.#quorumAt(before, slot), this.#quorumAt(after, slot)];
      return now === null || old?.value === now.value ? [] : [`slot ${slot} is ${now.value}`];
    });
  }

  #mark(was: Seen, is: Seen, decided: boolean): Pick<Event, "mark"> {
    if (decided) return { mark: "chosen" };
    const votes = (seen: Seen): string =>
      seen.disk.votes.map(({ slot, ballot }) => `${slot} ${formatBallot(ballot)}`).join();
    if (votes(was) !== votes(is)) return { mark: "voted" };
    return compareBallots(was.disk.promised, is.disk.promised) === 0 ? {} : { mark: "promised" };
  }
}

/** What a leader has just voted for itself, as it proposed it. */
function newVotes(was: Seen, is: Seen): string[] {
  const isNew = (vote: Vote): boolean =>
    !was.disk.votes.some(({ slot, ballot }) => slot === vote.slot && compareBallots(ballot, vote.ballot) === 0);
  return is.disk.votes
    .filter(isNew)
    .map(({ slot, ballot, value }) => `${formatBallot(ballot)} proposes ${valueText(value)} for slot ${slot}`);
}

/**
 * The shipped `Replica` of `@synod/multipaxos`, with a network and disks. Messages arrive in any order, or never. The
 * election's clock and beats are left out: a node campaigns when the search says so, as if nobody had led for long, which is
 * the worst that a network can do. A crash loses what is not on disk.
 *
 * @throws SynodError `InvalidArgument` naming the option that makes no sense.
 */
export function multipaxosModel(options: MultipaxosModelOptions = {}): MultipaxosModel {
  return new ShippedMultipaxos(options);
}
