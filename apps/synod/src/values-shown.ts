import type { KeyEntry, KeyEvent } from "@synod/coordination";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A value in JSON: as text where it is one. */
export type ShownValue = { readonly value: string } | { readonly valueBase64: string };

function shownValue(bytes: Uint8Array): ShownValue {
  try {
    return { value: decoder.decode(bytes) };
  } catch {
    return { valueBase64: Buffer.from(bytes).toString("base64") };
  }
}

/** A key, or another text that somebody chose, on one line: quoted where it would break it, or tell a terminal what to do. */
export const onLine = (text: string): string => (/^[^\p{Cc}]*$/u.test(text) ? text : JSON.stringify(text));

/** On one line of a table: quoted where it would break the line, cut where it is long. */
export function lineOf(bytes: Uint8Array): string {
  const shown = shownValue(bytes);
  if (!("value" in shown)) return `<${bytes.length} bytes>`;
  const plain = onLine(shown.value);
  return plain.length > 80 ? `${plain.slice(0, 77)}...` : plain;
}

export function shownEntry({ value, ...rest }: KeyEntry): Omit<KeyEntry, "value"> & ShownValue {
  return { ...rest, ...shownValue(value) };
}

export function shownEvent(event: KeyEvent): unknown {
  if (event.kind === "delete") return event;
  const { kind, ...entry } = event;
  return { kind, ...shownEntry(entry) };
}
