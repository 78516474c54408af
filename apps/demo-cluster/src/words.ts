// The side panel's words: what happened, as a lecture on Paxos would say it, and the rule behind it. Pure.
import type { Ballot } from "@synod/interface";
import type { Moment } from "./moments.js";

export type Tone = "round" | "vote" | "refusal" | "learn" | "leader" | "fault" | "repair" | "members";

export interface Telling {
  readonly tone: Tone;
  readonly text: string;
  /** The rule of the protocol that shows here. */
  readonly rule?: string;
  /** What to look at now. */
  readonly watch?: string;
}

const PROMISE =
  "Whoever promised a round accepts nothing of a lower one. This is what keeps an old leader from doing harm.";
const ADOPT =
  "For each slot a new leader must propose the value of the highest round that its majority reports: it may have been chosen.";
const NOOP = "Where its majority reports nothing, nothing can have been chosen: a no-op closes the gap.";
const CHOSEN =
  "A value is chosen as soon as a majority has accepted it in one and the same round, whether anybody knows it or not.";
const MAJORITY = "Any two majorities have a server in common.";
const DISK = "A promise and a vote are on the disk before anybody hears of them, so a crash forgets neither.";
const MAY_LEAD = "To lead takes a majority's promise; who is slow itself does not ask for it.";
const STEPS_DOWN =
  "A leader without a majority can have nothing chosen, so stepping down loses nothing; had it stayed, the rounds would have kept it harmless.";
const DETECTOR = "Nobody can tell a crash from silence. A wrong guess costs time, never safety.";

/** Number and owner. */
export const roundText = ({ round, node }: Ballot): string => `${round}·S${node}`;

/** Shorter silence is no reason to prepare: the leader gave up, or somebody else asked for it. */
const SILENT_MS = 100;

const plural = (count: number, one: string, many: string = `${one}s`): string =>
  count === 1 ? `one ${one}` : `${count} ${many}`;

const slots = (first: number, last: number): string => (first === last ? `slot ${first}` : `slots ${first} to ${last}`);

/** @param at - the replica that it is about; 0 for none in particular */
export function tellingOf(at: number, moment: Moment): Telling {
  const who = `S${at}`;
  switch (moment.kind) {
    case "prepares":
    case "promises":
    case "refuses":
    case "proposesAgain":
    case "accepts":
    case "handsOver":
      return messageTelling(who, moment);
    case "fetches":
      return {
        tone: "learn",
        text: `${who} asks S${moment.from} for ${slots(moment.firstSlot, moment.lastSlot)}, which it missed.`,
        rule: "What is chosen may be learned from anybody who knows it.",
      };
    case "offersSnapshot":
      return {
        tone: "learn",
        text: `${who} offers S${moment.to} its snapshot up to slot ${moment.slot}: what S${moment.to} lacks is no longer in its log.`,
      };
    case "leads":
      return {
        tone: "leader",
        text: `${who} leads in round ${roundText(moment.ballot)}: a majority has promised it.`,
        rule: `${MAJORITY} So it has heard of everything that was chosen before.`,
      };
    case "stopsLeading":
      return { tone: "leader", text: `${who} leads no more: ${moment.reason}.`, rule: STEPS_DOWN };
    case "impaired":
      return impairedTelling(who, moment.cause);
    case "tookSnapshot":
      return {
        tone: "repair",
        text: `${who} took a snapshot up to slot ${moment.slot}; its log may forget what is in it.`,
      };
    case "installedSnapshot":
      return { tone: "learn", text: `${who} took in a snapshot: its state is that of slot ${moment.slot} at once.` };
    default:
      return operatorTelling(who, moment);
  }
}

type MessageKind = "prepares" | "promises" | "refuses" | "proposesAgain" | "accepts" | "handsOver";

function messageTelling(who: string, moment: Extract<Moment, { kind: MessageKind }>): Telling {
  const round = roundText(moment.ballot);
  switch (moment.kind) {
    case "prepares": {
      const { silent } = moment;
      const isLong = silent !== null && silent.ms >= SILENT_MS;
      const why = isLong ? `${who} has heard nothing from S${silent.id} for ${silent.ms} ms. ` : "";
      const text = `${why}${who} sends PREP ${round} to all, for every slot from ${moment.fromSlot} on.`;
      return { tone: "round", text, rule: isLong ? DETECTOR : MAJORITY };
    }
    case "promises": {
      const gate = `${who} promises round ${round} to S${moment.to}: nothing of a lower round any more.`;
      if (moment.values === 0) return { tone: "round", text: `${gate} It has accepted nothing there.`, rule: PROMISE };
      const latest = moment.latest === null ? "" : `, the latest in round ${roundText(moment.latest)}`;
      const text = `${gate} It reports ${plural(moment.values, "value")} that it accepted${latest}.`;
      return {
        tone: "round",
        text,
        rule: "A promise reports what was accepted: else a chosen value could be overwritten.",
      };
    }
    case "refuses":
      return refusalTelling(who, moment);
    case "proposesAgain":
      return againTelling(who, moment);
    case "accepts": {
      const text = `${who} accepts slot ${moment.slot} from S${moment.to} in round ${round}: its first vote in this round.`;
      return { tone: "vote", text, rule: CHOSEN };
    }
    case "handsOver": {
      const text = `${who} proposes nothing any more and tells S${moment.to} to ask for promises: the leadership is handed over.`;
      return {
        tone: "leader",
        text,
        rule: "The old leader is not needed for it; it only saves the wait for its silence.",
      };
    }
  }
}

function refusalTelling(who: string, { what, from, ballot, promised }: Extract<Moment, { kind: "refuses" }>): Telling {
  if (promised === null) {
    return { tone: "refusal", text: `${who} refuses PREP from S${from}: a lease of the leader still holds.` };
  }
  const old = what === "ACC" ? `the old leader S${from}` : `S${from}`;
  const text = `${who} ignores ${what} from ${old}: its round ${roundText(ballot)} is lower than the promise ${roundText(promised)}.`;
  return { tone: "refusal", text, rule: PROMISE };
}

function againTelling(who: string, moment: Extract<Moment, { kind: "proposesAgain" }>): Telling {
  const { adopted, noops, ballot, firstSlot, lastSlot } = moment;
  const parts = [
    adopted > 0 ? `${plural(adopted, "value")} that the promises reported` : "",
    noops > 0 ? `${plural(noops, "no-op")} where they reported nothing` : "",
  ].filter((part) => part !== "");
  const text = `${who} sends ACC ${roundText(ballot)} for ${slots(firstSlot, lastSlot)}: ${parts.join(", and ")}.`;
  return { tone: "vote", text, rule: adopted > 0 ? ADOPT : NOOP };
}

function impairedTelling(who: string, cause: "disk" | "loop" | null): Telling {
  if (cause === null) return { tone: "repair", text: `${who} keeps up again: it may lead.`, rule: MAY_LEAD };
  const what = cause === "disk" ? "a write to its disk does not end" : "its event loop stood still";
  return {
    tone: "fault",
    text: `${who} should not lead now: ${what}.`,
    rule: "A leader that cannot vote in time holds everybody up, so it steps down by itself.",
  };
}

type OperatorKind =
  | "killed"
  | "restarted"
  | "paused"
  | "resumed"
  | "joins"
  | "gone"
  | "slowed"
  | "cut"
  | "healed"
  | "members";

function operatorTelling(who: string, moment: Extract<Moment, { kind: OperatorKind }>): Telling {
  switch (moment.kind) {
    case "killed":
      return {
        tone: "fault",
        text: `${who} crashes. What it promised and accepted is on its disk.`,
        rule: DISK,
        watch: "If it led: the gap in the chart, and who sends PREP first.",
      };
    case "restarted":
      return {
        tone: "repair",
        text: `${who} starts again with the promises and votes of its disk, and learns what it missed.`,
        rule: DISK,
        watch: "Its applied slot catches up with the others'; then the hashes are equal.",
      };
    case "paused":
      return {
        tone: "fault",
        text: `${who} stands still, with all its connections open. To the others that looks like a crash.`,
        rule: DETECTOR,
        watch: "Resume it: if it led, it still believes so, and its ACC bounces.",
      };
    case "resumed":
      return { tone: "repair", text: `${who} goes on where it stood, with what it believed then.`, rule: PROMISE };
    case "joins":
      return {
        tone: "members",
        text: `${who} starts with an empty disk. It learns everything first, and votes only then.`,
      };
    case "gone":
      return { tone: "members", text: `${who} is out: nobody needs its disk any more.` };
    case "slowed":
      return moment.ms === 0
        ? { tone: "repair", text: `The disk of ${who} is as fast as ever.` }
        : {
            tone: "fault",
            text: `The disk of ${who} takes ${moment.ms} ms longer for each write.`,
            rule: DISK,
            watch: "A follower: the majority goes on without it. The leader: it notices, and another takes over.",
          };
    case "cut":
      return cutTelling(moment.links);
    case "healed":
      return {
        tone: "repair",
        text: "The links are whole again.",
        watch: "Who was alone learns that there is a higher round, and what was chosen meanwhile.",
      };
    case "members":
      return membersTelling(moment);
  }
}

function cutTelling(links: readonly (readonly [number, number])[]): Telling {
  const shown = links.slice(0, 8).map(([a, b]) => `S${a}–S${b}`);
  const more = links.length > shown.length ? ` and ${links.length - shown.length} more` : "";
  return {
    tone: "fault",
    text: `Nothing gets through between ${shown.join(", ")}${more}.`,
    rule: `${MAJORITY} So only one side can go on.`,
    watch: "A leader without a majority: it can have nothing chosen, and steps down.",
  };
}

function membersTelling({ epoch, voters, learners }: Extract<Moment, { kind: "members" }>): Telling {
  const list = (ids: readonly number[]): string => ids.map((id) => `S${id}`).join(", ");
  const also = learners.length === 0 ? "" : `; ${list(learners)} only learn${learners.length === 1 ? "s" : ""} so far`;
  return {
    tone: "members",
    text: `Configuration ${epoch} was chosen: ${list(voters)} vote${voters.length === 1 ? "s" : ""}${also}.`,
    rule: "Who votes is itself a value of the log, chosen by those who voted before.",
  };
}
