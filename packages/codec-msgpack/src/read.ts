import type { BeatFacts, ChangeRefusal, Envelope, Message } from "@synod/multipaxos";
import { malformed } from "./errors.js";
import { ballot, bytes, flag, list, orNull, positive, ranges, text, tuple, uint, values, votes } from "./fields.js";
import { HEADER_LENGTH, KINDS, OUTCOMES, REFUSALS } from "./kinds.js";

/** Checks every field of the array form of an envelope (`write` is the other direction). */
export function read(value: unknown): Envelope {
  const array = list(value, "frame");
  const [, clusterId, from, bootId, epoch, number] = array;
  const kind = KINDS[uint(number, "kind") - 1];
  if (kind === undefined) throw malformed(`kind ${String(number)} is unknown`);
  return {
    clusterId: text(clusterId, "clusterId"),
    from: positive(from, "from"),
    bootId: text(bootId, "bootId"),
    epoch: uint(epoch, "epoch"),
    message: readMessage(kind, array),
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
    case "accept": {
      const [b, first, chosenUpTo, all] = fields(4);
      const firstSlot = positive(first, "firstSlot");
      return {
        kind,
        ballot: ballot(b, "ballot"),
        firstSlot,
        values: values(all, firstSlot),
        chosenUpTo: uint(chosenUpTo, "chosenUpTo"),
      };
    }
    case "accepted": {
      const [b, chosenUpTo, durableUpTo, applied, slots] = fields(5);
      return {
        kind,
        ballot: ballot(b, "ballot"),
        slots: ranges(slots),
        chosenUpTo: uint(chosenUpTo, "chosenUpTo"),
        durableUpTo: uint(durableUpTo, "durableUpTo"),
        applied: uint(applied, "applied"),
      };
    }
    case "reject": {
      const [b, promised, content, leaderBallot] = fields(4);
      return {
        kind,
        ballot: ballot(b, "ballot"),
        promised: ballot(promised, "promised"),
        content: flag(content, "content"),
        leaderBallot: orNull(ballot, leaderBallot, "leaderBallot"),
      };
    }
    case "commit": {
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
      return { kind, ...readFacts(fields(7)) };
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
    case "confirmReply": {
      const [b, nonce] = fields(2);
      return { kind, ballot: ballot(b, "ballot"), nonce: uint(nonce, "nonce") };
    }
    case "readIndexAsk": {
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
    case "change": {
      const [bootId, sequence, value] = fields(3);
      return {
        kind,
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

function readFacts(fields: readonly unknown[]): BeatFacts {
  const [round, candidacy, promised, leaderBallot, content, chosenUpTo, durableUpTo] = fields;
  return {
    round: uint(round, "round"),
    candidacy: orNull(ballot, candidacy, "candidacy"),
    promised: orNull(ballot, promised, "promised"),
    leaderBallot: orNull(ballot, leaderBallot, "leaderBallot"),
    content: flag(content, "content"),
    chosenUpTo: uint(chosenUpTo, "chosenUpTo"),
    durableUpTo: uint(durableUpTo, "durableUpTo"),
  };
}
