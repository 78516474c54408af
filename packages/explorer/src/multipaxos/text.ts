import type { Ballot, Slot } from "@synod/interface";
import { decodeConfigurationValue, type Message, VALUE_CONFIGURATION } from "@synod/multipaxos";
import { formatBallot } from "@synod/paxos";

/** A value as people read it: commands of these models are text behind the kind byte, changes have the new members. */
export function valueText(value: Uint8Array): string {
  if (value[0] === VALUE_CONFIGURATION) {
    const { epoch, members } = decodeConfigurationValue(value).configuration;
    return `epoch ${epoch} of ${members.map(({ id }) => id).join("+")}`;
  }
  return value.length === 1 ? "no-op" : String.fromCharCode(...value.subarray(1));
}

function votesText(
  votes: readonly { readonly slot: Slot; readonly ballot: Ballot; readonly value: Uint8Array }[],
): string {
  return votes.map(({ slot, ballot, value }) => `${slot}:${valueText(value)} of ${formatBallot(ballot)}`).join(", ");
}

/** Every field of a message that can differ: equal texts are equal messages. */
export function messageText(message: Message): string {
  switch (message.kind) {
    case "prepare":
      return `prepare ${formatBallot(message.ballot)} from slot ${message.fromSlot}`;
    case "promise": {
      const { ballot, firstSlot, lastSlot, votes, chosenUpTo, snapshotIndex } = message;
      const range = `${firstSlot}-${lastSlot ?? ""}`;
      const rest = `chosen ${chosenUpTo}${snapshotIndex > 0 ? `, snapshot ${snapshotIndex}` : ""}`;
      return `promise ${formatBallot(ballot)} slots ${range} [${votesText(votes)}] ${rest}`;
    }
    case "accept": {
      const { ballot, firstSlot, values, chosenUpTo, leaderVoted = false } = message;
      const list = values.map((value, index) => `${firstSlot + index}:${valueText(value)}`).join(", ");
      return `accept ${formatBallot(ballot)} [${list}] chosen ${chosenUpTo}${leaderVoted ? ", voted for" : ""}`;
    }
    case "accepted": {
      const { ballot, slots, chosenUpTo, durableUpTo, applied } = message;
      const list = slots.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(", ");
      return `accepted ${formatBallot(ballot)} [${list}] chosen ${chosenUpTo}/${durableUpTo}/${applied}`;
    }
    case "reject": {
      const { ballot, promised, content, leaderBallot } = message;
      const leader = `${formatBallot(leaderBallot)}${content ? ", content" : ""}`;
      return `reject ${formatBallot(ballot)}, promised ${formatBallot(promised)}, leader ${leader}`;
    }
    case "commit":
      return `commit ${formatBallot(message.ballot)} chosen ${message.chosenUpTo}`;
    case "fetch":
      return `fetch ${message.firstSlot}-${message.lastSlot}`;
    case "learn": {
      const { firstSlot, values, chosenUpTo } = message;
      return `learn ${values.map((value, index) => `${firstSlot + index}:${valueText(value)}`).join(", ")} chosen ${chosenUpTo}`;
    }
    default:
      return JSON.stringify(message);
  }
}
