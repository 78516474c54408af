// What README.md says about the wire format is what the codec writes: each kind with its number, its fields, and their order.
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import type { Message } from "@synod/multipaxos";
import fc from "fast-check";
import { expect, test } from "vitest";
import { HEADER_LENGTH, KINDS, OUTCOMES, REFUSALS } from "../src/kinds.js";
import { LAYOUT } from "../src/layout.js";
import { write } from "../src/write.js";
import { arbitraries, envelopeOf } from "./samples.js";

const page = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const rows = [...page.matchAll(/^\| (\d+) \| (\w+) \| (.*) \|$/gm)].map(([, number = "", kind = "", fields = ""]) => ({
  number: Number(number),
  kind,
  fields,
}));

type Of<K extends Message["kind"]> = Extract<Message, { readonly kind: K }>;
/** The kinds that have an optional field: the compiler asks for a new one here, too. */
type WithOptional = { [K in Message["kind"]]: Of<K> extends Required<Of<K>> ? never : K }[Message["kind"]];
const optional: { readonly [K in WithOptional]: { readonly [F in keyof Of<K>]?: Required<Of<K>>[F] } } = {
  accept: { leaderVoted: true },
  snapshotOffer: { head: Uint8Array.of(2, 1, 0) },
};

/** Any messages of a kind, with all of its fields. */
function fullest(kind: Message["kind"]): Record<string, unknown>[] {
  const more = { ...(optional as Record<string, object>)[kind] };
  const arbitrary: fc.Arbitrary<Message> = arbitraries[kind];
  return fc.sample(arbitrary, { numRuns: 50, seed: 1 }).map((message) => ({ ...message, ...more }));
}

const written = (message: object): unknown[] => write(envelopeOf(message as Message), LAYOUT).slice(HEADER_LENGTH);

/** Where a field stands in the frame: the first element that is another one if only this field is. */
function placeOf(field: string, messages: readonly Record<string, unknown>[]): number {
  const [first = {}] = messages;
  const isOptional = messages.every((message) => message[field] === first[field]);
  const others = isOptional ? [undefined] : messages.map((message) => message[field]);
  const places = others.map((other) => {
    const changed = written({ ...first, [field]: other });
    return written(first).findIndex((element, index) => !isDeepStrictEqual(element, changed[index]));
  });
  return Math.max(...places);
}

/** `firstSlot, lastSlot or nil, votes [[slot, ballot, value], ...], head?`: without what stands in brackets. */
const namesIn = (fields: string): string[] =>
  fields
    .replaceAll(/\(.*?\)|\[.*\]/g, "")
    .split(",")
    .map((field) => field.trim());

const fieldsOf = (fields: string): string[] => {
  const [, same] = /^as (\w+)$/.exec(fields) ?? [];
  return namesIn(same === undefined ? fields : (rows.find(({ kind }) => kind === same)?.fields ?? ""));
};

test("README.md has one row for each kind, with its number", () => {
  expect(rows.map(({ number, kind }) => [number, kind])).toEqual(KINDS.map((kind, index) => [index + 1, kind]));
});

test.each(KINDS)("README.md has the fields of %s as they stand in the frame", (kind) => {
  const messages = fullest(kind);
  const fields = Object.keys(messages[0] ?? {}).filter((name) => name !== "kind");
  const inOrder = fields.map((field) => [placeOf(field, messages), field] as const).sort(([a], [b]) => a - b);
  expect(inOrder.map(([place]) => place)).toEqual(inOrder.map((_, index) => index));
  const more = Object.keys((optional as Record<string, object>)[kind] ?? {});
  const isNil = (field: string): boolean => messages.some((message) => message[field] === null);
  const wanted = inOrder.map(([, field]) => `${field}${more.includes(field) ? "?" : isNil(field) ? " or nil" : ""}`);
  expect(fieldsOf(rows.find((row) => row.kind === kind)?.fields ?? "")).toEqual(wanted);
});

test("README.md has the numbers of outcomes and refusals", () => {
  const numbered = (names: readonly string[]): string => names.map((name, index) => `${index} ${name}`).join(", ");
  expect(page).toContain(`outcome (${numbered(OUTCOMES)}) |`);
  expect(page).toContain(`refused or nil (${numbered(REFUSALS)}) |`);
});
