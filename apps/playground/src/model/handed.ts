import { readTrace, type Trace } from "./trace-file.js";

/** Where the live page of the demo cluster puts the trace that it hands over; it is of the same origin then. */
const HANDED = "synod-trace";

/** What was handed over, or null. Throws an `Error` in words for the reader if it is no trace. */
export function handedTrace(): Trace | null {
  let text: string | null = null;
  try {
    text = localStorage.getItem(HANDED);
  } catch {
    // A page from a disk may have no storage.
  }
  return text === null ? null : readTrace("of the live cluster", text);
}
