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
    raft: "a majority has an entry of the leader’s own term: then that one is, and all before it",
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
