/** The same idea under other names: a row for each thing that a protocol for this purpose must have. */
export interface Relation {
  readonly what: string;
  readonly paxos: string;
  readonly raft: string;
  readonly vr: string;
  readonly zab: string;
}

export const RELATIONS: readonly Relation[] = [
  { what: "A number that only grows", paxos: "round, or ballot", raft: "term", vr: "view", zab: "epoch" },
  {
    what: "Who owns it",
    paxos: "its proposer; rounds are dealt out",
    raft: "who wins the vote of that term",
    vr: "the server whose turn it is",
    zab: "who gets a majority behind it",
  },
  {
    what: "“Nothing below this any more”",
    paxos: "Prepare, Promise",
    raft: "RequestVote, vote",
    vr: "StartViewChange, DoViewChange",
    zab: "NewEpoch, Ack-E",
  },
  {
    what: "How the past reaches the new leader",
    paxos: "promises report it; the highest round wins, slot by slot",
    raft: "only those are elected whose log is as new as the voters’",
    vr: "the log of the newest view is taken, the longest of these",
    zab: "the newest history of a majority is taken",
  },
  { what: "“Take this”", paxos: "Accept", raft: "AppendEntries", vr: "Prepare", zab: "Propose" },
  { what: "“I have it”", paxos: "Accepted (Learn)", raft: "reply to AppendEntries", vr: "PrepareOK", zab: "Ack" },
  {
    what: "When it is chosen",
    paxos: "a majority has it in one round",
    raft: "a majority has it, and it, or one after it, is of the present term",
    vr: "a majority has it in this view",
    zab: "a majority has it in this epoch",
  },
  {
    what: "“It is decided”",
    paxos: "Commit, or the learners count",
    raft: "commit index",
    vr: "commit number",
    zab: "Commit",
  },
  { what: "Holes in the log", paxos: "may be; filled with no-ops", raft: "none", vr: "none", zab: "none" },
];

/** A story of the lecture, and what would happen in Raft at the same place. */
export interface Pair {
  readonly title: string;
  readonly story: string;
  readonly paxos: string;
  readonly raft: string;
}

export const PAIRS: readonly Pair[] = [
  {
    title: "A new leader, and a value it has never seen",
    story: "promises-report",
    paxos:
      "S2 has not got m1. S1’s promise reports it, and S2 must send it again before anything of its own. Anybody may lead; the past is brought to the leader.",
    raft: "S1 would refuse S2 its vote: S2’s log is behind. S1 itself has to stand. Only those may lead who have the past already, so that a vote need not carry it.",
  },
  {
    title: "An old vote is not a new one",
    story: "what-if-counts-values",
    paxos:
      "Votes of different rounds do not add up. A new leader that finds an old value proposes it again in its own round, and then those votes count.",
    raft: "A leader does not propose old entries again, so it must not count their copies either: an entry of an old term is safe only once one of the present term stands behind it. Forget that and you have the same broken picture (it is figure 8 of the Raft paper).",
  },
  {
    title: "Two who want to lead",
    story: "dueling-proposers",
    paxos: "Each new round shuts out the other’s. Safe at every moment, and it may never end.",
    raft: "The same, called a split vote. Both are ended by waiting for a random time, and neither is certain to end: no protocol can be, if messages may be late and one server may fail.",
  },
  {
    title: "The leader who returns",
    story: "leader-ids-s1-again",
    paxos: "A name can come back, so that an old message looks new. A round cannot.",
    raft: "That is what terms are for. Epochs in ZooKeeper and views in Viewstamped Replication are the same answer.",
  },
];
