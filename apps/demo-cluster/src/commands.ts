import { usage } from "./failure.js";
import type { KvCommand } from "./kv.js";
import type { ReadVia } from "./protocol.js";

/** What a person can ask for, on the screen and on the page. */
export type Request =
  | { readonly kind: "propose"; readonly command: KvCommand; readonly replica: number | undefined }
  | { readonly kind: "read"; readonly key: string; readonly via: ReadVia; readonly replica: number | undefined }
  | { readonly kind: "kill" | "restart" | "pause" | "resume"; readonly id: number }
  | { readonly kind: "add" | "remove" | "transfer"; readonly id: number }
  | { readonly kind: "star"; readonly id: number }
  | { readonly kind: "replace"; readonly id: number; readonly by: number }
  /** At one replica, or at all. */
  | { readonly kind: "snapshot"; readonly id: number | undefined }
  | { readonly kind: "cut"; readonly id: number; readonly other: number | undefined }
  | { readonly kind: "load"; readonly perSecond: number }
  | { readonly kind: "slow"; readonly id: number; readonly ms: number }
  /** One link, or all. */
  | { readonly kind: "heal"; readonly pair: readonly [number, number] | undefined }
  | { readonly kind: "chain" | "roll" | "help" | "status" | "quit" };

/** Every command with what follows it and what it does, in the order of `help`. */
export const COMMANDS: readonly { readonly name: string; readonly rest: string; readonly does: string }[] = [
  { name: "put", rest: "KEY VALUE", does: "set a key" },
  { name: "get", rest: "KEY [quorum|stale]", does: "read it, linearizably; stale: what a replica has" },
  { name: "cas", rest: "KEY OLD NEW", does: "set it only if it is OLD" },
  { name: "incr", rest: "KEY", does: "add one" },
  { name: "delete", rest: "KEY", does: "remove it" },
  { name: "kill", rest: "ID", does: "SIGKILL a replica" },
  { name: "restart", rest: "ID", does: "start it again from its files" },
  { name: "pause", rest: "ID", does: "SIGSTOP a replica" },
  { name: "resume", rest: "ID", does: "let it go on" },
  { name: "add", rest: "ID", does: "start a new replica, which catches up and then votes" },
  { name: "remove", rest: "ID", does: "take a replica out of the cluster and end it" },
  { name: "replace", rest: "ID NEW", does: "a new replica in place of another, even a dead one" },
  { name: "transfer", rest: "ID", does: "hand the leadership over to it" },
  { name: "roll", rest: "", does: "restart all, one after the other" },
  { name: "snapshot", rest: "[ID]", does: "take a snapshot at one, or at all that run" },
  { name: "cut", rest: "ID [ID]", does: "cut the link between two, or all links of one" },
  { name: "star", rest: "ID", does: "cut all links that do not lead to this one" },
  { name: "chain", rest: "", does: "cut all links but those from each to the next" },
  { name: "heal", rest: "[ID ID]", does: "restore one link, or all" },
  { name: "slow", rest: "ID MS", does: "each write to its disk takes so much longer; 0 ends it" },
  { name: "load", rest: "N", does: "N commands a second; 0 stops" },
  { name: "status", rest: "", does: "print the table" },
  { name: "help", rest: "", does: "this list" },
  { name: "quit", rest: "", does: "end everything" },
];

const LINE_CHARS_MAX = 4096;
const LOAD_MAX = 100_000;
const SLOW_MS_MAX = 10_000;

/** `help` as lines. A trailing `@2` sends a data command to replica 2 in place of any. */
export function helpLines(): string[] {
  const width = Math.max(...COMMANDS.map(({ name, rest }) => name.length + rest.length + 1));
  const lines = COMMANDS.map(({ name, rest, does }) => `${`${name} ${rest}`.padEnd(width)}  ${does}`);
  return [...lines, "The first five may end in @ID: then this very replica is asked, even if it is cut off."];
}

/** Words; a part in double quotes is one word. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
}

function wholeNumber(text: string | undefined, what: string, max: number): number {
  if (text === undefined || !/^\d{1,6}$/.test(text) || Number(text) > max)
    throw usage(`${what}, not ${text ?? "nothing"}`);
  return Number(text);
}

const replicaId = (text: string | undefined): number => wholeNumber(text, "a replica is named by its number", 999);

/**
 * Reads a line; null for an empty one.
 * @throws Failure that says how the command is used
 */
export function parseRequest(line: string): Request | null {
  if (line.length > LINE_CHARS_MAX) throw usage(`a command has at most ${LINE_CHARS_MAX} characters`);
  // They could move the cursor of whoever prints the line.
  if (/\p{Cc}/u.test(line)) throw usage("a command has no control characters");
  const [name, ...words] = wordsOf(line);
  if (name === undefined) return null;
  const known = COMMANDS.find((command) => command.name === name);
  if (known === undefined) throw usage(`${name} is no command: help lists them`);
  const needed = known.rest.split(" ").filter((word) => /^[A-Z]/.test(word)).length;
  const isData = ["put", "get", "cas", "incr", "delete"].includes(name);
  const target = isData && words.length > needed && /^@\d+$/.test(words.at(-1) ?? "") ? words.pop() : undefined;
  if (!fits(name, words.length, needed)) throw usage(`usage: ${`${name} ${known.rest}`.trim()}`);
  return isData
    ? dataRequest(name, words, target === undefined ? undefined : replicaId(target.slice(1)))
    : controlRequest(name, words);
}

function fits(name: string, count: number, needed: number): boolean {
  if (name === "put") return count >= needed;
  if (name === "get" || name === "snapshot") return count === needed || count === needed + 1;
  if (name === "cut") return count === 1 || count === 2;
  if (name === "heal") return count === 0 || count === 2;
  return count === needed;
}

function dataRequest(name: string, words: readonly string[], replica: number | undefined): Request {
  const [key = "", first = "", second = ""] = words;
  switch (name) {
    case "put":
      return { kind: "propose", command: { op: "put", key, value: words.slice(1).join(" ") }, replica };
    case "cas":
      return { kind: "propose", command: { op: "cas", key, from: first, to: second }, replica };
    case "incr":
    case "delete":
      return { kind: "propose", command: { op: name, key }, replica };
    default:
      return { kind: "read", key, via: viaOf(words[1]), replica };
  }
}

function viaOf(word: string | undefined): ReadVia {
  if (word === undefined) return "leader";
  if (word === "quorum" || word === "stale") return word;
  throw usage(`a read goes by quorum or stale, not ${word}`);
}

function controlRequest(name: string, words: readonly string[]): Request {
  switch (name) {
    case "kill":
    case "restart":
    case "pause":
    case "resume":
    case "add":
    case "remove":
    case "transfer":
    case "star":
      return { kind: name, id: replicaId(words[0]) };
    case "replace":
      return { kind: "replace", id: replicaId(words[0]), by: replicaId(words[1]) };
    case "snapshot":
      return { kind: "snapshot", id: words[0] === undefined ? undefined : replicaId(words[0]) };
    case "cut":
      return { kind: "cut", id: replicaId(words[0]), other: words[1] === undefined ? undefined : replicaId(words[1]) };
    case "slow":
      return {
        kind: "slow",
        id: replicaId(words[0]),
        ms: wholeNumber(words[1], `slow takes up to ${SLOW_MS_MAX} ms`, SLOW_MS_MAX),
      };
    case "load":
      return { kind: "load", perSecond: wholeNumber(words[0], `load takes a number up to ${LOAD_MAX}`, LOAD_MAX) };
    case "heal":
      return { kind: "heal", pair: words.length === 2 ? [replicaId(words[0]), replicaId(words[1])] : undefined };
    case "chain":
    case "roll":
    case "status":
    case "quit":
      return { kind: name };
    default:
      return { kind: "help" };
  }
}
