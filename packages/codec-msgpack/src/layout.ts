import type { Message } from "@synod/multipaxos";
import { HEADER_LENGTH, VERSION } from "./kinds.js";

/**
 * A field that a wire version added to a kind of message. It stands in front of the fields of version 1, in the order of this list, and only in
 * frames of that version and later ones: before the version is in force, nobody writes it.
 */
export interface AddedField {
  readonly kind: Message["kind"];
  readonly since: number;
  write(message: Message): unknown;
  /** The properties that the message gets. */
  read(value: unknown): object;
  /** The properties that it gets from a frame without the field. */
  readonly absent: object;
}

/** The newest wire version that is read and written, and what was added up to it. The version before is read and written, too. */
export interface Layout {
  readonly version: number;
  readonly added: readonly AddedField[];
}

export const LAYOUT: Layout = { version: VERSION, added: [] };

/** The oldest wire version that is read and written. */
export const oldest = (layout: Layout): number => Math.max(1, layout.version - 1);

export function writeAdded(layout: Layout, version: number, to: unknown[], message: Message): void {
  for (const field of layout.added) {
    if (field.kind === message.kind && field.since <= version) to.push(field.write(message));
  }
}

/** Takes the added fields out of a frame. Gives the rest of it, as version 1 knows it, and the properties to be added. */
export function readAdded(
  layout: Layout,
  version: number,
  kind: Message["kind"],
  array: readonly unknown[],
): { readonly rest: readonly unknown[]; readonly properties: object | null } {
  const fields = layout.added.filter((field) => field.kind === kind);
  if (fields.length === 0) return { rest: array, properties: null };
  let at = HEADER_LENGTH;
  const properties = {};
  for (const field of fields)
    Object.assign(properties, field.since <= version ? field.read(array[at++]) : field.absent);
  return { rest: [...array.slice(0, HEADER_LENGTH), ...array.slice(at)], properties };
}
