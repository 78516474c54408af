// There is one release so far: the next one is pretended, with fields that it adds to two kinds of messages.
import { SynodError } from "@synod/interface";
import { WIRE_VERSION, type Message } from "@synod/multipaxos";
import { describe, expect, test } from "vitest";
import { messageCodec } from "../src/index.js";
import { VERSION } from "../src/kinds.js";
import { type AddedField, LAYOUT } from "../src/layout.js";
import { codecOf } from "../src/message-codec.js";
import { envelopeOf, messages } from "./samples.js";

const added = (kind: Message["kind"], name: string, since: number, absent: number): AddedField => ({
  kind,
  since,
  write: (message) => (message as unknown as Record<string, unknown>)[name],
  read: (value) => ({ [name]: value }),
  absent: { [name]: absent },
});
const fields = [added("accept", "hint", 2, -1), added("beat", "load", 2, 0), added("beat", "lag", 3, 99)];
const releases = [1, 2, 3].map((version) =>
  codecOf({ version, added: fields.filter(({ since }) => since <= version) }),
);
const [first, second, third] = releases as [(typeof releases)[0], (typeof releases)[0], (typeof releases)[0]];

const accept = messages["accept"] as Message;
const beat = messages["beat"] as Message;
/** A message as a later release has it. */
const more = (message: Message, fields: object): Message => ({ ...message, ...fields });
const codeOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (error instanceof SynodError) return error.code;
    throw error;
  }
  return "none";
};

describe("frames across wire versions", () => {
  test("the codec of this release has the version of this release's messages", () => {
    expect(VERSION).toBe(WIRE_VERSION);
    expect(LAYOUT.added.every(({ since }) => since > 1 && since <= VERSION)).toBe(true);
  });

  test.each(Object.keys(messages))("release 2 writes %s as release 1 does while version 1 is in force", (name) => {
    const envelope = envelopeOf(messages[name] as Message);
    const frame = second.encode({ ...envelope, message: more(envelope.message, { hint: 7, load: 8 }) });
    expect(Buffer.compare(frame, messageCodec().encode(envelope))).toBe(0);
    expect(first.decode(frame)).toEqual(envelope);
  });

  test("a frame without the field has what the release says for it", () => {
    expect(second.decode(first.encode(envelopeOf(accept)))).toEqual(envelopeOf(more(accept, { hint: -1 })));
    expect(second.decode(first.encode(envelopeOf(beat)))).toEqual(envelopeOf(more(beat, { load: 0 })));
    const [fetch, frame] = [
      envelopeOf(messages["fetch"] as Message),
      first.encode(envelopeOf(messages["fetch"] as Message)),
    ];
    expect(second.decode(frame)).toEqual(fetch);
  });

  test("the field travels once version 2 is in force, values behind it as ever, and release 3 reads it", () => {
    for (const message of [more(accept, { hint: 7 }), more(beat, { load: 8 })]) {
      const envelope = { ...envelopeOf(message), version: 2 };
      const frame = second.encode(envelope);
      expect(second.decode(frame)).toEqual(envelope);
      const read = third.decode(frame);
      expect(read).toEqual(message.kind === "beat" ? { ...envelope, message: more(message, { lag: 99 }) } : envelope);
      expect(Buffer.compare(third.encode(read), frame)).toBe(0);
    }
    const newest = { ...envelopeOf(more(beat, { load: 8, lag: 5 })), version: 3 };
    expect(third.decode(third.encode(newest))).toEqual(newest);
  });

  test("a frame of another release than this one and the one before is refused by name, and never written", () => {
    const ofSecond = second.encode({ ...envelopeOf(more(beat, { load: 8 })), version: 2 });
    expect(codeOf(() => first.decode(ofSecond))).toBe("VersionUnsupported");
    expect(() => first.decode(ofSecond)).toThrow(/version 2, this node reads and writes version 1: start it with/);
    expect(codeOf(() => third.decode(first.encode(envelopeOf(beat))))).toBe("VersionUnsupported");
    for (const version of [0, 1, 4, Number.NaN]) {
      expect(codeOf(() => third.encode({ ...envelopeOf(beat), version }))).toBe("VersionUnsupported");
    }
  });

  test("a frame that claims a version and has not its fields is malformed", () => {
    const frame = first.encode(envelopeOf(beat));
    frame[1] = 2;
    expect(codeOf(() => second.decode(frame))).toBe("Malformed");
  });
});
