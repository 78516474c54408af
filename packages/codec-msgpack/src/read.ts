import type { Accept, BeatFacts, ChangeRefusal, Envelope, Message } from "@synod/multipaxos";
import { malformed } from "./errors.js";
import { ballot, bytes, flag, list, orNull, positive, ranges, text, tuple, uint, values, votes } from "./fields.js";
import { HEADER_LENGTH, KINDS, OUTCOMES, REFUSALS } from "./kinds.js";
import { type Layout, readAdded } from "./layout.js";

/** Checks every field of the array form of an envelope (`write` is the other direction). */
export function read(value: unknown, layout: Layout): Envelope {
  const array = list(value, "frame");
  const [versionOf, clusterId, from, bootId, facts, number] = array;
  const version = positive(versionOf, "version");
  const kind = KINDS[uint(number, "kind") - 1];
  if (kind === undefined) throw malformed(`kind ${String(number)} is unknown`);
  const [epoch, wire, log, machine] = tuple(facts, 4, "epoch and versions");
  const { rest, properties } = readAdded(layout, version, kind, array);
  const message = readMessage(kind, rest);
  return {
    version,
    clusterId: text(clusterId, "clusterId"),
    from: positive(from, "from"),
    bootId: text(bootId, "bootId"),
    epoch: uint(epoch, "epoch"),
    supports: {
      wire: positive(wire, "wire version"),
      log: positive(log, "log version"),
      machine: positive(machine, "machine version"),
    },
    message: properties === null ? message : { ...message, ...properties },
  };
}

function readAccept(fields: readonly unknown[]): Accept {
  const [b, first, chosenUpTo] = fields;
  const firstSlot = positive(first, "firstSlot");
  const voted = fields.length > 4;
  if (voted && !flag(fields[3], "leaderVoted")) throw malformed("leaderVoted is left out where it is not so");
  return {
    kind: "accept",
    ballot: ballot(b, "ballot"),
    firstSlot,
    values: values(fields.at(-1), firstSlot),
    chosenUpTo: uint(chosenUpTo, "chosenUpTo"),
    ...(voted ? { leaderVoted: true } : {}),
  };
}

function readMessage(kind: Message["kind"], array: readonly unknown[]): Message {
  const fields = (count: number): readonly unknown[] => tuple(array, HEADER_LENGTH + count, kind).slice(HEADER_LENGTH);
  switch (kind) {
    case "prepare": {
      const [b, fromSlot] = fields(2);
      return { kind, ballot: ballot(b, "ballot"), fromSlot: positive(fromSlot, "fromSlot") };
    }
    case "promise":
      return readPromise(fields(6));
    case "accept":
      return readAccept(array.length === HEADER_LENGTH + 5 ? fields(5) : fields(4));
    case "accepted": {
      const [b, chosenUpTo, durableUpTo, applied, slots, creditBytes] = fields(6);
      return {
        kind,
        ballot: ballot(b, "ballot"),
        slots: ranges(slots),
        chosenUpTo: uint(chosenUpTo, "chosenUpTo"),
        durableUpTo: uint(durableUpTo, "durableUpTo"),
        applied: uint(applied, "applied"),
        creditBytes: uint(creditBytes, "creditBytes"),
      };
    }
    case "reject": {
      const [b, promised, content, leaderBallot, leaseLeftMs] = fields(5);
      return {
        kind,
        ballot: ballot(b, "ballot"),
        promised: orNull(ballot, promised, "promised"),
        content: flag(content, "content"),
        leaderBallot: orNull(ballot, leaderBallot, "leaderBallot"),
        leaseLeftMs: uint(leaseLeftMs, "leaseLeftMs"),
      };
    }
    case "commit":
    case "transferTo": {
      const [b, chosenUpTo] = fields(2);
      return { kind, ballot: ballot(b, "ballot"), chosenUpTo: uint(chosenUpTo, "chosenUpTo") };
    }
    case "fetch": {
      const [first, last] = fields(2);
      const [firstSlot, lastSlot] = [positive(first, "firstSlot"), positive(last, "lastSlot")];
      if (lastSlot < firstSlot) throw malformed("lastSlot is below firstSlot");
      return { kind, firstSlot, lastSlot };
    }
    case "learn": {
      const [first, chosenUpTo, all] = fields(3);
      const firstSlot = positive(first, "firstSlot");
      return { kind, firstSlot, values: values(all, firstSlot), chosenUpTo: uint(chosenUpTo, "chosenUpTo") };
    }
    case "beat":
    case "beatReply":
      return { kind, ...readFacts(fields(9)) };
    case "forward": {
      const [b, bootId, sequence, body] = fields(4);
      return {
        kind,
        ballot: ballot(b, "ballot"),
        bootId: text(bootId, "bootId"),
        sequence: uint(sequence, "sequence"),
        body: bytes(body, "body"),
      };
    }
    case "forwardReply": {
      const [bootId, sequence, code] = fields(3);
      const outcome = OUTCOMES[uint(code, "outcome")];
      if (outcome === undefined) throw malformed("outcome is unknown");
      return { kind, bootId: text(bootId, "bootId"), sequence: uint(sequence, "sequence"), outcome };
    }
    case "confirm":
    case "confirmReply":
    case "leaseRelease": {
      const [b, nonce] = fields(2);
      return { kind, ballot: ballot(b, "ballot"), nonce: uint(nonce, "nonce") };
    }
    case "readIndexAsk":
    case "quorumReadAsk": {
      const [bootId, nonce] = fields(2);
      return { kind, bootId: text(bootId, "bootId"), nonce: uint(nonce, "nonce") };
    }
    case "readIndexReply": {
      const [bootId, nonce, index] = fields(3);
      return {
        kind,
        bootId: text(bootId, "bootId"),
        nonce: uint(nonce, "nonce"),
        index: orNull(uint, index, "index"),
      };
    }
    case "stateDigest": {
      const [slot, chainHash, digest] = fields(3);
      return {
        kind,
        slot: positive(slot, "slot"),
        chainHash: text(chainHash, "chainHash"),
        digest: orNull(text, digest, "digest"),
      };
    }
    case "quorumReadReply":
      return readQuorumReadReply(fields(5));
    case "leaseAsk":
    case "leaseGrant": {
      const [b, nonce, durationMs] = fields(3);
      return {
        kind,
        ballot: ballot(b, "ballot"),
        nonce: uint(nonce, "nonce"),
        durationMs: positive(durationMs, "durationMs"),
      };
    }
    case "snapshotOffer": {
      const hasHead = array.length === HEADER_LENGTH + 4;
      const [index, hash, size, head] = fields(hasHead ? 4 : 3);
      return {
        kind,
        index: positive(index, "index"),
        hash: text(hash, "hash"),
        bytes: positive(size, "bytes"),
        ...(hasHead ? { head: bytes(head, "head") } : {}),
      };
    }
    case "snapshotAsk": {
      const [index, hash, offset, length] = fields(4);
      return {
        kind,
        index: positive(index, "index"),
        hash: text(hash, "hash"),
        offset: uint(offset, "offset"),
        length: positive(length, "length"),
      };
    }
    case "snapshotChunk": {
      const [index, hash, offset, checksum, chunk] = fields(5);
      return {
        kind,
        index: positive(index, "index"),
        hash: text(hash, "hash"),
        offset: uint(offset, "offset"),
        checksum: text(checksum, "checksum"),
        bytes: bytes(chunk, "chunk"),
      };
    }
    case "change": {
      const [b, bootId, sequence, value] = fields(4);
      return {
        kind,
        ballot: ballot(b, "ballot"),
        bootId: text(bootId, "bootId"),
        sequence: uint(sequence, "sequence"),
        value: bytes(value, "value"),
      };
    }
    case "changeReply": {
      const [bootId, sequence, code] = fields(3);
      return {
        kind,
        bootId: text(bootId, "bootId"),
        sequence: uint(sequence, "sequence"),
        refused: orNull(refusal, code, "refused"),
      };
    }
    case "removed": {
      const [epoch, mayStop] = fields(2);
      return { kind, epoch: positive(epoch, "epoch"), mayStop: flag(mayStop, "mayStop") };
    }
  }
}

function refusal(value: unknown, name: string): ChangeRefusal {
  const found = REFUSALS[uint(value, name)];
  if (found === undefined) throw malformed(`${name} is unknown`);
  return found;
}

function readPromise(fields: readonly unknown[]): Message {
  const [b, first, last, chosenUpTo, snapshotIndex, all] = fields;
  const firstSlot = positive(first, "firstSlot");
  const lastSlot = orNull(positive, last, "lastSlot");
  if (lastSlot !== null && lastSlot < firstSlot) throw malformed("lastSlot is below firstSlot");
  return {
    kind: "promise",
    ballot: ballot(b, "ballot"),
    firstSlot,
    lastSlot,
    votes: votes(all, firstSlot, lastSlot),
    chosenUpTo: uint(chosenUpTo, "chosenUpTo"),
    snapshotIndex: uint(snapshotIndex, "snapshotIndex"),
  };
}

function readQuorumReadReply(fields: readonly unknown[]): Message {
  const [bootId, nonce, highestVote, chosenUpTo, snapshotIndex] = fields;
  return {
    kind: "quorumReadReply",
    bootId: text(bootId, "bootId"),
    nonce: uint(nonce, "nonce"),
    highestVote: uint(highestVote, "highestVote"),
    chosenUpTo: uint(chosenUpTo, "chosenUpTo"),
    snapshotIndex: uint(snapshotIndex, "snapshotIndex"),
  };
}

function readFacts(fields: readonly unknown[]): BeatFacts {
  const [round, candidacy, promised, leaderBallot, content, chosenUpTo, durableUpTo, impaired, priority] = fields;
  return {
    round: uint(round, "round"),
    candidacy: orNull(ballot, candidacy, "candidacy"),
    promised: orNull(ballot, promised, "promised"),
    leaderBallot: orNull(ballot, leaderBallot, "leaderBallot"),
    content: flag(content, "content"),
    chosenUpTo: uint(chosenUpTo, "chosenUpTo"),
    durableUpTo: uint(durableUpTo, "durableUpTo"),
    impaired: flag(impaired, "impaired"),
    priority: uint(priority, "priority"),
  };
}
