import { type NodeId, SynodError } from "@synod/interface";
import {
  type Accept,
  type Accepted,
  type AcceptorState,
  acceptorState,
  acceptorStep,
  type LearnerState,
  learnerState,
  learnerStep,
  type Prepare,
  type Promised,
  type ProposerInput,
  type ProposerState,
  proposerState,
  proposerStep,
  type QuorumSystem,
  quorumSystem,
  type Reject,
} from "../src/index.js";

type Message = Prepare | Promised<string> | Accept<string> | Accepted<string> | Reject;

interface Node {
  readonly acceptor: AcceptorState<string>;
  readonly proposer: ProposerState<string>;
  readonly disk: { readonly acceptor: AcceptorState<string>; readonly proposer: ProposerState<string> };
  /** What waits for the write. */
  readonly held: readonly Message[];
}

/** A whole group as plain data. A message that was sent can arrive at any later time, any number of times, or never. */
export interface World {
  readonly nodes: readonly Node[];
  /** Messages as JSON, sorted. */
  readonly sent: readonly string[];
  readonly starts: number;
  readonly crashes: number;
}

export interface Rules {
  readonly members: number;
  /** Nodes that propose their own number as a value. */
  readonly proposers: readonly NodeId[];
  /** How often proposers may start, and nodes may crash and restart, in all. */
  readonly starts: number;
  readonly crashes: number;
  readonly quorums?: QuorumSystem;
  /**
   * Leaves out what cannot break agreement but multiplies the worlds: refusals, votes on their way to the proposer, a
   * second start of the same proposer. Every write ends at once.
   */
  readonly lean?: boolean;
  /** Breaks the protocol in one place. */
  readonly bug?: "ignores promises" | "ignores votes" | "shares a ballot" | "forgets" | "sends before the write";
}

export function newWorld({ members, proposers, starts, crashes }: Rules): World {
  const nodes = range(members).map((id): Node => {
    const proposer = proposerState<string>(proposers.includes(id) ? { wish: { value: `v${id}` } } : {});
    const acceptor = acceptorState<string>();
    return { acceptor, proposer, disk: { acceptor, proposer }, held: [] };
  });
  return { nodes, sent: [], starts, crashes };
}

/** Every event that can happen now. One that throws has found something: the checks look for it. */
export function events(rules: Rules, world: World): (() => World)[] {
  const found: (() => World)[] = [];
  for (const [index, node] of world.nodes.entries()) {
    const id = index + 1;
    const mayStart = world.starts > 0 && rules.proposers.includes(id);
    if (mayStart && !(rules.lean === true && node.proposer.ballot !== null)) {
      found.push(() => propose(rules, { ...world, starts: world.starts - 1 }, id, { type: "start" }));
    }
    if (node.held.length > 0) found.push(() => flush(world, id));
    if (world.crashes > 0) found.push(() => crash(rules, world, id));
  }
  for (const text of world.sent) {
    const message = parse(text);
    if (message.type === "prepare" || message.type === "accept") {
      for (const id of range(rules.members)) found.push(() => accept(rules, world, id, message));
    } else if (rules.lean !== true || message.type === "promise") {
      const owners = rules.bug === "shares a ballot" ? rules.proposers : [message.ballot.node];
      for (const id of owners) found.push(() => propose(rules, world, id, message));
    }
  }
  return found;
}

/** What a learner that hears of every vote ever sent finds chosen. Throws if agreement is broken. */
export function chosenIn(rules: Rules, world: World): string | null {
  const options = { quorums: quorumsOf(rules) };
  let state: LearnerState<string> = learnerState();
  for (const text of world.sent) {
    const message = parse(text);
    if (message.type === "accepted") state = learnerStep(options, state, message).state;
  }
  return state.chosen?.value ?? null;
}

function accept(rules: Rules, world: World, id: NodeId, message: Prepare | Accept<string>): World {
  const node = nodeOf(world, id);
  const known = rules.bug === "ignores promises" ? { ...node.acceptor, promised: null } : node.acceptor;
  const step = acceptorStep({ me: id }, known, message);
  const outputs = step.outputs.filter((output) => rules.lean !== true || output.message.type !== "reject");
  return after(rules, world, id, { ...node, acceptor: step.state }, outputs);
}

function propose(rules: Rules, world: World, id: NodeId, input: ProposerInput<string>): World {
  const node = nodeOf(world, id);
  const heard = rules.bug === "ignores votes" && input.type === "promise" ? { ...input, vote: null } : input;
  const me = rules.bug === "shares a ballot" ? 1 : id;
  const step = orDropped(() => proposerStep({ me, quorums: quorumsOf(rules) }, node.proposer, heard));
  if (step === null) return world;
  const sends = step.outputs.flatMap((output) => (output.type === "send" ? [output] : []));
  return after(rules, world, id, { ...node, proposer: step.state }, sends);
}

/** A message that is refused as malformed is as if never sent. */
function orDropped<S>(step: () => S): S | null {
  try {
    return step();
  } catch (error) {
    if (error instanceof SynodError && error.code === "InvalidArgument") return null;
    throw error;
  }
}

function after(
  rules: Rules,
  world: World,
  id: NodeId,
  node: Node,
  outputs: readonly { readonly message: Message; readonly afterWrite: boolean }[],
): World {
  const waits = (output: { readonly afterWrite: boolean }): boolean =>
    output.afterWrite && rules.bug !== "sends before the write";
  const held = [...node.held, ...outputs.filter(waits).map(({ message }) => message)];
  const sent = outputs.filter((output) => !waits(output)).map(({ message }) => message);
  if (outputs.length === 0 && sameNode(node, nodeOf(world, id))) return world;
  const stepped = replace(send(world, sent), id, { ...node, held });
  return rules.lean === true ? flush(stepped, id) : stepped;
}

function flush(world: World, id: NodeId): World {
  const node = nodeOf(world, id);
  const disk = {
    acceptor: node.acceptor,
    proposer: proposerState({ ballot: node.proposer.ballot, wish: node.proposer.wish }),
  };
  return replace(send(world, node.held), id, { ...node, disk, held: [] });
}

function crash(rules: Rules, world: World, id: NodeId): World {
  const { disk } = nodeOf(world, id);
  const acceptor = rules.bug === "forgets" ? acceptorState<string>() : disk.acceptor;
  return replace({ ...world, crashes: world.crashes - 1 }, id, { acceptor, proposer: disk.proposer, disk, held: [] });
}

const parsed = new Map<string, Message>();
function parse(text: string): Message {
  const known = parsed.get(text) ?? (JSON.parse(text) as Message);
  parsed.set(text, known);
  return known;
}

const nodeKeys = new WeakMap<Node, string>();
/** Equal where the worlds are equal, but for what is on disk. */
export function keyOf(world: World): string {
  const keys = world.nodes.map((node) => {
    const key = nodeKeys.get(node) ?? JSON.stringify([node.acceptor, node.proposer]);
    nodeKeys.set(node, key);
    return key;
  });
  return [world.crashes, ...keys, ...world.sent].join();
}

const send = (world: World, messages: readonly Message[]): World => ({
  ...world,
  sent: [...new Set([...world.sent, ...messages.map((message) => JSON.stringify(message))])].sort(),
});
const replace = (world: World, id: NodeId, node: Node): World => ({
  ...world,
  nodes: world.nodes.map((old, index) => (index === id - 1 ? node : old)),
});
const sameNode = (a: Node, b: Node): boolean => a.acceptor === b.acceptor && a.proposer === b.proposer;
const nodeOf = (world: World, id: NodeId): Node => world.nodes[id - 1] as Node;
const range = (n: number): NodeId[] => Array.from({ length: n }, (_, index) => index + 1);
const majorities = new Map(range(5).map((n) => [n, quorumSystem({ kind: "majority" }, range(n))]));
const quorumsOf = (rules: Rules): QuorumSystem => rules.quorums ?? (majorities.get(rules.members) as QuorumSystem);
