import type { Message, Protocol, ServerState } from "./shape.js";
import type { Mark } from "./trace.js";
import { quorumOf, type World } from "./world.js";

const NUMBERS = ["none", "one", "two", "three", "four", "five", "six", "seven"];

/** Why it refuses, where it says so to the sender. */
export function wordsForReject(s: ServerState | undefined, { rnd = 0 }: Message & { readonly rnd?: number }): string {
  return s?.promised !== undefined && s.promised > rnd
    ? `refuses it: its promise ${s.promised} is higher than ${rnd}`
    : "";
}

/** The promise, or the vote of an election, that makes the majority: which ones it counted. Empty: this was none. */
export function wordsForMajority(protocol: Protocol, message: Message, world: World, marks: readonly Mark[]): string {
  const what = { PROM: "promises", VOTED: "votes" }[message.type];
  if (what === undefined || protocol.quorum !== "majority") return "";
  if (!marks.some(({ mark }) => mark === "leads" || mark === "accepted")) return "";
  const count = NUMBERS[quorumOf(protocol, world) ?? 0] ?? "";
  return `has ${count} ${what} of ${NUMBERS[Object.keys(world.servers).length] ?? ""}, with its own`;
}

/** Why nothing is to be seen of what came, or of a time-out (null), going on after the server's name. */
export function wordsForSilence(s: ServerState, message: Message | null): string {
  if (message === null) return "has nothing to send again";
  switch (message.type) {
    case "REQ":
      return "keeps it until its turn";
    case "PROM":
      return wordsForPromise(s, message);
    case "VOTED":
      return s.leads === true ? "leads already" : `is in term ${s.promised ?? 0} by now`;
    case "YES":
    case "ACK":
      return s.learned?.[0] === undefined ? "waits for the others" : "has decided already";
    case "REJ":
      return wordsForRefusal(s, message);
    case "OK":
    case "NO":
      return "learns nothing new from it";
    case "LRN":
    case "COM":
      return wordsForLearn(s, message);
    default:
      return "";
  }
}

function wordsForPromise(s: ServerState, { rnd = 0 }: Message & { readonly rnd?: number }): string {
  const promised = s.promised ?? 0;
  if (rnd < promised) return `is in round ${promised} by now`;
  if (s.leads === true) return "leads already";
  const hasProposed = s.leads === undefined && s.accepted?.[0]?.rnd === rnd;
  return hasProposed ? "needs it no more: it has its majority, and has proposed" : "has no majority of promises yet";
}

/** What it makes of a refusal. */
function wordsForRefusal(s: ServerState, { rnd = 0 }: Message & { readonly rnd?: number }): string {
  const promised = s.promised ?? 0;
  if (rnd < promised) return `is in round ${promised} by now`;
  return s.learned?.[0] === undefined ? `knows that round ${rnd} is over` : "knows the outcome already";
}

function wordsForLearn(
  s: ServerState,
  message: Message & { readonly rnd?: number; readonly slot?: number; readonly upTo?: number },
): string {
  const { rnd = 0, upTo } = message;
  const slot = message.slot ?? upTo ?? 0;
  if (upTo === 0) return "learns nothing from it: up to #0 is nothing yet";
  if (s.learned === undefined) return s.executed.length >= slot ? `has executed #${slot} already` : "";
  if (s.learned[slot] !== undefined) return "knows it already";
  if (s.leads !== undefined && rnd < (s.promised ?? 0)) return `is in round ${s.promised} by now`;
  return "has no majority for it yet";
}
