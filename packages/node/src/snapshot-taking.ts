import { asText, SynodError } from "@synod/interface";
import type { ContentHash } from "@synod/rsm";

/** Making a snapshot may take this long at a time; then the turn of everything else comes. */
const SLICE_MS = 2;

/** What a state machine throws is the cause of an error that callers know. It harms nothing: the log has everything. */
export function snapshotFailed(cause: unknown): SynodError {
  const text = `the state machine threw while a snapshot of it was taken: ${asText(cause)}; nothing is lost, but the log grows until one is taken: correct the state machine`;
  return new SynodError("SnapshotFailed", text, { cause });
}

export const isSnapshotFailed = (error: unknown): error is SynodError =>
  error instanceof SynodError && error.code === "SnapshotFailed";

function nextOf(chunks: Generator<Uint8Array, void>): IteratorResult<Uint8Array, void> {
  try {
    return chunks.next();
  } catch (cause) {
    throw snapshotFailed(cause);
  }
}

/** Nobody will read the rest of it: the state machine may let go of what it keeps for it. @throws SynodError `SnapshotFailed` */
export function release(chunks: Generator<Uint8Array, void>): void {
  try {
    chunks.return();
  } catch (cause) {
    throw snapshotFailed(cause);
  }
}

/** A snapshot that is made while it is read, in small steps. */
export async function* inSlices(options: {
  readonly front: Uint8Array;
  readonly chunks: Generator<Uint8Array, void>;
  /** Of all that was given so far. */
  readonly hash: ContentHash;
  readonly now: () => number;
  /** Settles when the turn of everything else has come. */
  readonly soon: () => Promise<void>;
  readonly onBytes: (bytes: number) => void;
}): AsyncGenerator<Uint8Array, void> {
  const { front, chunks, hash, now, soon, onBytes } = options;
  try {
    hash.add(front);
    yield front;
    let sliceMs = now();
    for (;;) {
      if (now() - sliceMs >= SLICE_MS) {
        await soon();
        sliceMs = now();
      }
      const next = nextOf(chunks);
      if (next.done === true) return;
      hash.add(next.value);
      onBytes(hash.bytes);
      yield next.value;
    }
  } finally {
    release(chunks);
  }
}
