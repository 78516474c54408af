import type { Ballot, NodeId, Slot } from "@synod/interface";
import type { Message } from "@synod/multipaxos";
import { formatBallot } from "@synod/paxos";
import { Disk } from "../disk.js";
import { ackText, type Driver, feedOf, type Given, gives, promise } from "../driver.js";
import { ALPHA_DEFAULT, Host, type Output } from "../host.js";
import type { Case } from "../notation.js";
import { ballotOf, decodeValue, encodeValue, formatVotes, integerOf, Start } from "../terms.js";

/** The acceptor side of a replica, on a disk that takes no time. */
export const acceptor: Driver = {
  subject: "@synod/multipaxos",
  start(one: Case) {
    const start = new Start(one);
    const host = acceptorHost(one, start);
    const receive = (from: NodeId, message: Message): Given => answers(host.receiveFlushed(from, message));
    return feedOf("an acceptor", [
      [/^PREP (\S+) from s?(\d+)$/i, (b = "", k = "") => receive(...prepare(ballotOf(b), integerOf(k)))],
      [/^ACC (\S+) s(\d+) (.+)$/i, (b = "", s = "", v = "") => receive(...accept(ballotOf(b), integerOf(s), v))],
      [/^RESTART$/i, () => answers(host.restart())],
      [/^SNAPSHOT s?(\d+)$/i, (k = "") => answers(host.snapshot(integerOf(k)))],
      [/^STATE$/i, () => gives(stateText(host))],
    ]);
  },
};

function acceptorHost(one: Case, start: Start): Host {
  const peers = ballotOwners(one);
  // The own id is nobody else's: every ballot of the case comes from outside.
  const me = Math.max(0, ...peers) + 1;
  const disk = diskOf(start);
  return new Host({ me, members: [...peers, me], quorum: { kind: "majority" }, alpha: ALPHA_DEFAULT, disk });
}

export function diskOf(start: Start): Disk {
  const snapshot = start.integer("snap", 0);
  const chosenUpTo = Math.max(snapshot, start.integer("applied", 0), start.integer("adu", 0));
  return new Disk({ promised: start.ballot("promised"), votes: start.votes(), snapshot, chosenUpTo });
}

/** The nodes whose ballots occur in the inputs. */
export function ballotOwners({ steps }: Case): NodeId[] {
  const owners = steps.flatMap(({ input }) =>
    [...input.matchAll(/^(?:PREP|ACC|LEAD) \S+?\.(\d+)\s/gi)].map(([, node]) => Number(node)),
  );
  return [...new Set(owners)].filter((id) => id >= 1).sort((a, b) => a - b);
}

export function prepare(ballot: Ballot, fromSlot: Slot): [NodeId, Message] {
  return [ballot.node, { kind: "prepare", ballot, fromSlot }];
}

export function accept(ballot: Ballot, slot: Slot, value: string): [NodeId, Message] {
  return [ballot.node, { kind: "accept", ballot, firstSlot: slot, values: [encodeValue(value)], chosenUpTo: 0 }];
}

export function stateText(host: Host): string {
  const { promised } = host.replica.status();
  const votes = host.disk.votes.map((vote) => ({ ...vote, value: decodeValue(vote.value) }));
  return `promised ${formatBallot(promised)} votes ${formatVotes(votes)}`;
}

/** The answers of an acceptor in the notation. */
export function answers({ sent }: Output): Given {
  const spelled = sent.map(({ message }) => spell(message));
  return { outputs: spelled.flatMap(({ long }) => long), also: [spelled.flatMap(({ short }) => short)] };
}

function spell(message: Message): { readonly long: readonly string[]; readonly short: readonly string[] } {
  switch (message.kind) {
    case "promise": {
      const { ballot, votes, chosenUpTo, snapshotIndex, firstSlot } = message;
      const map = formatVotes(votes.map((vote) => ({ ...vote, value: decodeValue(vote.value) })));
      const { text, short } = promise(ballot, map, Math.max(chosenUpTo, snapshotIndex), firstSlot);
      return { long: [text], short: [short] };
    }
    case "accepted": {
      const { ballot, slots, chosenUpTo } = message;
      const acks = slots.flatMap(([first, last]) =>
        Array.from({ length: last - first + 1 }, (_, index) => ackText(ballot, first + index)),
      );
      // No vote, because the slots are chosen: the answer says up to where.
      const texts = acks.length > 0 ? acks : [`ALREADY upto ${chosenUpTo}`];
      return { long: texts, short: texts };
    }
    case "reject": {
      const texts = [`REJ ${formatBallot(message.promised)}`];
      return { long: texts, short: texts };
    }
    default:
      return { long: [], short: [] };
  }
}
