import type { Ballot } from "@synod/interface";
import { compareBallots, formatBallot, highestBallot } from "@synod/paxos";
import { Disk } from "../disk.js";
import { type Driver, feedOf, type Given, gives } from "../driver.js";
import { ALPHA_DEFAULT, Host, type Output, type PeerView, refusal, ROUNDS_PER_TIMEOUT } from "../host.js";
import { type Case, NotationError } from "../notation.js";
import { integerOf, parseBallot, Start } from "../terms.js";
import { phaseOf } from "./phase.js";

/** A replica in an election round, a timeout after its leader was last heard of, so that only the replies of now count. */
export const election: Driver = {
  subject: "@synod/multipaxos",
  start(one: Case) {
    const start = new Start(one);
    const own = start.ballot("own");
    const me = start.integer("me", own?.node ?? 1);
    const leader = start.ballot("leader");
    const promised = highestBallot(start.ballot("promised"), leader === null ? own : null);
    const disk = new Disk({ promised, votes: [], snapshot: 0, chosenUpTo: 0 });
    const host = new Host({ me, members: start.members(), quorum: start.quorum(), alpha: ALPHA_DEFAULT, disk });
    const replies = start.list("replies").map(parseReply);

    if (leader !== null) follow(host, leader, me, start);
    // Its own earlier candidacy, of which the replica keeps no more than that the ballot exists.
    const [peer] = host.others;
    if (own !== null && peer !== undefined) host.receiveFlushed(peer, refusal(own, own));
    if (leader !== null) host.wait(ROUNDS_PER_TIMEOUT - 1);
    // Nothing that was heard on the way to the start state counts.
    for (const id of host.others) host.replica.peerLost(id);
    host.answer(replies);

    return feedOf("an election row", [
      [
        /^ROUND$/i,
        () => {
          const given = verdict(host, host.wait(1));
          host.answer(replies);
          return given;
        },
      ],
    ]);
  },
};

/** Brings the replica under the leader of the start state, or makes it that leader. */
function follow(host: Host, leader: Ballot, me: number, start: Start): void {
  if (leader.node !== me) {
    host.receiveFlushed(leader.node, { kind: "commit", ballot: leader, chosenUpTo: 0 });
    return;
  }
  host.campaignIn(leader);
  if (phaseOf(start, "lead") !== "lead") return;
  const page = { firstSlot: 1, lastSlot: null, votes: [], chosenUpTo: 0, snapshotIndex: 0 };
  for (const from of host.others) host.receiveFlushed(from, { kind: "promise", ballot: leader, ...page });
}

/** `id/own ballot/leader ballot/h or u`. Who has or follows a ballot has promised it. */
function parseReply(text: string): PeerView {
  const parts = text.split("/").map((part) => part.trim());
  const [id = "", own = "", leader = "", mood = ""] = parts;
  if (parts.length !== 4 || !/^[hu]$/i.test(mood)) {
    throw new NotationError(`"${text}" is no reply: id/own ballot/leader ballot/h or u`);
  }
  const [candidacy, leaderBallot] = [parseBallot(own), parseBallot(leader)];
  const promised = highestBallot(candidacy, leaderBallot);
  return { from: integerOf(id.replace(/^n/i, "")), candidacy, promised, leaderBallot, content: /h/i.test(mood) };
}

function verdict(host: Host, { notices }: Output): Given {
  for (const notice of notices) if (notice.kind === "campaign") return gives(`CAMPAIGN ${formatBallot(notice.ballot)}`);
  if (notices.some(({ kind }) => kind === "leadershipEnded")) return gives("YIELD");
  const { content, leader, nodeId } = host.replica.status();
  const { leaderBallot } = host.replica;
  if (!content || compareBallots(leaderBallot, null) === 0) return gives("WAIT");
  return gives(leader === nodeId ? "LEADING" : `FOLLOW ${formatBallot(leaderBallot)}`);
}
