import { LADDER, type Protocol, PROTOCOLS, type Scenario, SCENARIOS, WHAT_IFS } from "@synod/lecture";

/** Why each protocol is there, for somebody who has never heard of it. */
export const WHY: Readonly<Record<string, string>> = {
  "single-server":
    "One computer does everything in order, so nothing can contradict anything. This is what we want in the end; but when it dies, the service is gone.",
  "two-servers":
    "So we keep a second copy. Both get every command; but nobody says in which order, and two orders make two different worlds.",
  leader:
    "Then let one of them decide the order and tell the other, with a message called Accept. Simple, and almost right: messages on a network may overtake each other.",
  discard:
    "Give each command a number, and throw away what comes too early. Order is safe now. What was thrown away is missing for ever.",
  buffer: "Do not throw it away: keep it until its turn. Now overtaking does no harm; a lost message still does.",
  learn:
    "Send the Accept again until the other side says “I have it”. That little reply is called Learn, and will turn out to be half of Paxos.",
  "retrans-accept":
    "Wait for that reply before sending the next command. Slower, but nothing can come too early any more, so the other server keeps nothing.",
  takeover:
    "The leader crashes and the other one goes on alone. That ends well if the Accept had arrived; if not, an answer is forgotten, and two clients hold the same lock.",
  "wait-for-learn":
    "Answer only when the other one has it too. Now a crash takes nothing with it; a wrong suspicion, or a cut cable, still makes two worlds.",
  "three-servers":
    "A third server breaks the tie: only a majority may go on, more than half, here two of three. Any two majorities share a server. So two cannot stand apart at once; but one may follow the other, and nobody yet tells the server in both to say no.",
  "leader-ids":
    "When leaders change, messages of the old one still arrive. Write the leader’s name on them; the new leader announces itself (LEAD), and who has heard it ignores those of another. What if the same leader comes back?",
  rounds:
    "A name can return, a number never does. S1 owns rounds 1, 4, 7, S2 owns 2, 5, 8, S3 owns 3, 6, 9, so that no two ever use one number, and a higher round is always newer. In the picture [ 2 is a gate: nothing below round 2 comes in. Two words from here on: accepted, one server has said yes; chosen, a majority has, in the same round. What is chosen must never change, even if nobody knows of it yet. A round tells that a message is old. It does not tell a new leader what was done before.",
  promises:
    "Before leading, ask a majority, oneself included, for a promise (Prepare, PREP; Promise, PROM): nothing of lower rounds any more, the gate [ 2. The old leader is shut out for certain. (Round 1 needs no asking: nothing is before it.) But what did the old leader do before that?",
  reports:
    "A promise must also tell what was accepted, and in which round. Any two majorities share a server, so somebody remembers whatever may have been chosen; if several values are told, the one of the highest round counts. This is the heart of Paxos. A server that can count a majority has learned what is chosen (the lock), and only then may it execute. The message Learn is not yet that: it says “I have accepted”, one vote.",
  resend: "Repeat from time to time what is known: who was away catches up by that alone.",
  "five-servers":
    "Five servers survive two crashes. But with five, “I have it and you have it” is no majority any more, and acting on it is too early. (With five, S1 owns rounds 1, 6, 11 and so on, S3 owns 3, 8, 13.)",
  "all-to-all":
    "Let everybody tell everybody, and act when a majority has said so. Right, at the price of many messages.",
  commit: "Let the leader count alone and tell the result (Commit, COM). The same safety, and far fewer messages.",
  "multi-paxos":
    "Several commands are under way at once, and one promise covers all numbers to come, so that each costs one round trip. Numbers that a new leader finds empty it fills with commands that do nothing, no-ops: what comes after them could not be executed otherwise.",
  "basic-paxos":
    "Everything taken away but one decision: this is the Paxos of the textbooks, and you have just built it. There the leader is called proposer, all three servers are acceptors, and to accept is to vote. All three are learners too: who votes tells everybody, and each counts for itself. Nobody leads from the start: who wants something prepares a round.",
  "synod-paxos": "No more toy: the very code that you can install, step by step in the same picture.",
  "synod-multipaxos":
    "The replica that runs in production, under your hands. A number is called slot here, a round ballot, and COM up to #2 says that all up to slot 2 are chosen, up to #0 that none is yet. Try to break it.",
  "two-phase-commit":
    "Everybody votes, one counts. It looks nearly like Paxos, until the one who counts is gone: then all wait, and nobody may move.",
  "three-phase-commit":
    "One more phase, so that nobody has to wait. Now nobody waits, and two of them decide differently.",
  "one-acceptor": "If one server decides for all there is never a quarrel, and never an answer once it is down.",
  "first-proposal":
    "Many acceptors, each takes the first value it hears and keeps it. Three values, one vote each, and no majority for ever.",
  "worked-example":
    "The classic exercise with numbers: 8 proposes foo, 9 proposes bar, and 10 has to find out which of them it must take.",
  "distinguished-proposer":
    "Rivals can outbid each other without end. Let one propose for all: faster, and safe even if two believe that they are the one.",
  raft: "The protocol that most people mean today when they say consensus: the same idea under other names, for those who have heard of it. A round is called term. Nobody owns one; who wants to lead asks all for their vote (RV), and who has a majority leads. AE carries one entry of the leader’s log to the others. A new leader begins with a no-op.",
  "raft-counts-copies":
    "A leader may count copies of its own entries only. Let it count old ones too, and an answer is lost: figure 8 of the Raft paper.",
  "what-if-reports-nothing":
    "Take out the report and promises only shut the door. Watch who remembers the value that was chosen. Nobody.",
  "what-if-reports-promise": "Report the value with the wrong number, and a stale value looks fresh.",
  "what-if-takes-first": "Two reports, two values. Take the one that came first, and a chosen value is overturned.",
  "what-if-takes-most-frequent":
    "Two reports, two values. Let the majority of reports decide, and a chosen value is overturned all the same.",
  "what-if-ignores-promise": "A promise that nobody keeps is only a message.",
  "what-if-shared-numbers":
    "Rounds must go up, and each must have one owner. Two owners of one number are two values in one round.",
  "what-if-small-quorum": "Majorities are there because any two of them meet. One vote and two promises need not.",
  "what-if-counts-values": "Two votes for the same value in different rounds are not two votes.",
  "what-if-forgets-promise": "A promise made before a crash holds after it. So it must be on disk.",
  "what-if-forgets-vote": "A vote given before a crash counts after it. So it must be on disk too.",
  "what-if-forgets-all": "Without a disk a server is a newcomer with an old name, and may vote twice.",
  "what-if-liar":
    "Paxos forgives silence, not lies. One server that says different things to different people is enough.",
};

export interface Chapter {
  readonly title: string;
  readonly intro: string;
  /** Of its stories that are not optional, together; null: all of it is optional. */
  readonly rows: number | null;
  readonly protocols: readonly Protocol[];
}

const between = (first: string, last: string): Protocol[] => {
  const index = (id: string): number => LADDER.findIndex((protocol) => protocol.id === id);
  return LADDER.slice(index(first), index(last) + 1);
};

const named = (...ids: string[]): Protocol[] => PROTOCOLS.filter((protocol) => ids.includes(protocol.id));

/** The lecture, in the order in which it is best read. */
export const CHAPTERS: readonly Chapter[] = [
  {
    title: "One server, then two",
    intro: "Nine protocols that almost work.",
    rows: 86,
    protocols: between("single-server", "wait-for-learn"),
  },
  {
    title: "A majority",
    intro: "Three servers, and the trouble with leaders who return.",
    rows: 64,
    protocols: between("three-servers", "rounds"),
  },
  { title: "Promises", intro: "The two ideas that make it safe.", rows: 69, protocols: between("promises", "resend") },
  {
    title: "More servers, more commands",
    intro: "From one command at a time to a log.",
    rows: 65,
    protocols: between("five-servers", "multi-paxos"),
  },
  {
    title: "Paxos itself, and as shipped",
    intro: "One decision; then the code that you install.",
    rows: 107,
    protocols: between("basic-paxos", "synod-multipaxos"),
  },
  {
    title: "Other roads",
    intro: "What else one might try.",
    rows: null,
    protocols: named(
      "two-phase-commit",
      "three-phase-commit",
      "one-acceptor",
      "first-proposal",
      "worked-example",
      "distinguished-proposer",
    ),
  },
  {
    title: "What if …?",
    intro: "Paxos with one line changed. Each of them breaks.",
    rows: null,
    protocols: WHAT_IFS.map((one) => one.protocol),
  },
  {
    title: "And Raft?",
    intro: "The other name that one hears. Both beside each other in one picture: “And Raft?” above.",
    rows: null,
    protocols: named("raft", "raft-counts-copies"),
  },
];

/** Its stories; those that may be left out come last. */
export function scenariosOf(protocol: string): Scenario[] {
  const all = SCENARIOS.filter((scenario) => scenario.protocol.id === protocol);
  return [...all.filter((one) => one.optional !== true), ...all.filter((one) => one.optional === true)];
}

/** In reading order, so that the way leads from the first to the last. */
export const READING: readonly Scenario[] = CHAPTERS.flatMap((chapter) =>
  chapter.protocols.flatMap((protocol) => scenariosOf(protocol.id)),
);

const isOnMainRoad = ({ optional, protocol }: Scenario): boolean =>
  optional !== true && LADDER.some((one) => one.id === protocol.id);

/** The way of somebody who goes through it for the first time. */
export const MAIN_ROAD: readonly Scenario[] = READING.filter(isOnMainRoad);

/** The stories before and after one: of the main road as long as one is on it. */
export function besideStory(story: Scenario): readonly [before: Scenario | undefined, after: Scenario | undefined] {
  const road = isOnMainRoad(story) ? MAIN_ROAD : READING;
  const index = road.findIndex((one) => one.id === story.id);
  return [road[index - 1], road[index + 1]];
}

/** Who reads each row and tries to answer each question needs about so long. */
function minutesFor(rows: number, stories: number): number {
  return Math.ceil((rows * 5 + stories * 20) / 60);
}

/** Null: all of it is optional. */
export function minutesOf({ rows, protocols }: Chapter): number | null {
  const stories = MAIN_ROAD.filter(({ protocol }) => protocols.some((one) => one.id === protocol.id));
  return rows === null ? null : minutesFor(rows, stories.length);
}

const rowsInAll = CHAPTERS.reduce((sum, { rows }) => sum + (rows ?? 0), 0);
/** Of the whole main road, to five minutes. */
export const MINUTES: number = Math.round(minutesFor(rowsInAll, MAIN_ROAD.length) / 5) * 5;

export function chapterOf(protocol: string): Chapter | undefined {
  return CHAPTERS.find((chapter) => chapter.protocols.some((one) => one.id === protocol));
}

/** 1 for the first step of the ladder; null for what stands beside it. */
export function stepOf(protocol: string): number | null {
  const index = LADDER.findIndex((one) => one.id === protocol);
  return index < 0 ? null : index + 1;
}

/** What a message type is, in words. */
export const MESSAGES: Readonly<Record<string, string>> = {
  REQ: "a client’s command",
  PREP: "Prepare: promise me to accept nothing below this round",
  PROM: "Promise: I do, and this is what I have accepted so far",
  ACC: "Accept: take this value in this round",
  LRN: "Learn: I have accepted it, so that you may learn that it is chosen",
  COM: "Commit: this is chosen",
  REJ: "Reject: I have promised a higher round",
  BEAT: "do you have a leader?",
  LEAD: "I lead now",
  VOTE: "Vote: can you commit?",
  YES: "I can",
  PRE: "everybody said yes",
  ACK: "I know",
  RV: "RequestVote: vote for me in this term; so far does my log go",
  VOTED: "I vote for you, and for nobody else in this term",
  AE: "AppendEntries: put this into your log, behind what stands before it in mine",
  OK: "my log is like yours up to here",
  NO: "no: my term is higher, or I lack what should stand before it",
};

/** Of messages that say less: before there are rounds, and before promises report. */
const SHORTER: readonly (readonly [RegExp, string])[] = [
  [/^ACC (?!\d)/, "Accept: take this"],
  [/^LRN (?!\d)/, "Learn: I have it"],
  [/^PROM \d+$/, "Promise: I do"],
];

export function wordsOfMessage(label: string): string {
  const shorter = SHORTER.find(([form]) => form.test(label));
  return shorter?.[1] ?? MESSAGES[label.split(" ")[0] ?? ""] ?? "";
}

/** Whom a search leaves out, in words: who may suspect, time out, crash and be asked. */
function whoWords(bounds: Readonly<Record<string, unknown>>): string[] {
  const listed = (key: string): string[] => (Array.isArray(bounds[key]) ? bounds[key].map(String) : []);
  const [suspects, timeouts, crashes] = [listed("suspects"), listed("timeoutsAt"), listed("crashesAt")];
  const values = (Array.isArray(bounds["values"]) ? bounds["values"] : []) as { value?: string; to?: string[] }[];
  return [
    ...values.flatMap(({ value, to }) => (to === undefined ? [] : [`${value} asked of ${to.join(" and ")} alone`])),
    ...(suspects.length > 0 ? [`suspicions at ${suspects.join(" and ")} alone`] : []),
    ...(timeouts.length > 0 ? [`time-outs at ${timeouts.join(" and ")} alone`] : []),
    ...(crashes.length > 0 ? [`crashes at ${crashes.join(" and ")} alone`] : []),
    ...(bounds["patient"] === true ? ["no time-out while a message of one’s own round is on its way"] : []),
  ];
}

/** What a search may do, in words. */
export function boundsWords(bounds: Readonly<Record<string, unknown>>): string {
  const of = (key: string): number => (typeof bounds[key] === "number" ? bounds[key] : 0);
  const parts = [
    ["crashes", "crash", "crashes"],
    ["restarts", "restart", "restarts"],
    ["lostDisks", "lost disk", "lost disks"],
    ["suspicions", "wrong suspicion", "wrong suspicions"],
    ["timeouts", "time-out", "time-outs"],
    ["losses", "loss", "losses"],
    ["duplicates", "duplicate", "duplicates"],
  ] as const;
  const told = parts.flatMap(([key, one, many]) => (of(key) === 0 ? [] : [`${of(key)} ${of(key) === 1 ? one : many}`]));
  const values = Array.isArray(bounds["values"]) ? bounds["values"].length : 0;
  const commands = values === 0 ? "no new commands" : values === 1 ? "one command" : `${values} commands`;
  const withheld = Array.isArray(bounds["withhold"]) ? [`no ${bounds["withhold"].join(" or ")} arrives`] : [];
  return [
    commands,
    "messages in any order",
    ...told,
    ...whoWords(bounds),
    ...withheld,
    `at most ${of("steps") || 30} steps`,
  ].join(", ");
}
