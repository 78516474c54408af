import { type Accept, type Accepted, formatBallot, type Prepare, type Promised, type Reject } from "@synod/paxos";

/** Everything that acceptors and proposers say to each other. */
export type PaxosMessage = Prepare | Accept<string> | Promised<string> | Accepted<string> | Reject;

/** One line that tells it apart from every other message. */
export function messageText(message: PaxosMessage): string {
  const ballot = formatBallot(message.ballot);
  switch (message.type) {
    case "prepare":
      return `prepare ${ballot}`;
    case "accept":
      return `accept ${ballot} ${message.value}`;
    case "promise": {
      const { from, vote } = message;
      return `promise ${ballot} by ${from}, ${vote === null ? "no vote" : `voted ${formatBallot(vote.ballot)} ${vote.value}`}`;
    }
    case "accepted":
      return `accepted ${ballot} by ${message.from} ${message.value}`;
    case "reject":
      return `reject ${ballot} by ${message.from}, promised ${formatBallot(message.promised)}`;
  }
}
