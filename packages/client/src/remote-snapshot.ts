import { type CallOptions, type NodeId, type Slot, SynodError } from "@synod/interface";
import { Call, type CallShared } from "./call.js";
import { checkEnds } from "./checks.js";
import type { Connection } from "./connection.js";
import type { Target } from "./pool.js";
import { encodeAdminCall, snapshotPartBytesMax } from "./protocol/admin.js";
import { decodeSnapshotBytes, type SnapshotBytes, type SnapshotPlace } from "./protocol/admin-results.js";

/** A snapshot at a server. Nothing of it is fetched before it is asked for, and one part at a time. */
export interface RemoteSnapshot {
  /** Whose it is. */
  readonly node: NodeId;
  /** Everything up to this slot is in it. */
  readonly index: Slot;
  readonly bytes: number;
  /**
   * All of it, once. A connection that breaks is made again, and the rest is fetched over that. Throws `NoServer` where no part has come for
   * `limits.timeoutMs`, or `signal` has aborted; `Closed` once the client is; `Compacted` where a newer snapshot has taken its place meanwhile. What was read is then of no use.
   */
  readonly chunks: AsyncIterableIterator<Uint8Array>;
}

/** The whole state is written first. */
const takeTimeoutMs = 300_000;
/** Of a frame, for what stands around the bytes. */
const roomBytes = 512;

/** @throws SynodError `NoServer`, `NoLeader`, `Forbidden`, `InvalidArgument` where the server was not given the storage of its node */
export async function readSnapshot(
  shared: CallShared,
  /** Throws once the client is closed, when nobody would give up what is asked. */
  admit: () => void,
  to: Target,
  options: CallOptions,
): Promise<RemoteSnapshot> {
  admit();
  const { signal, timeoutMs = takeTimeoutMs } = options;
  checkEnds({ signal, timeoutMs });
  let source: Connection | null = null;
  const sent = (connection: Connection): void => {
    source = connection;
  };
  const first = await ask(shared, { to, at: null, had: "nothing", sent }, { signal, timeoutMs });
  // A place on a disk: the rest is there, and nowhere else.
  const link = shared.pool.links.find(({ connection }) => connection === source);
  const rest: Target = link === undefined ? to : { server: link.address };
  const { node, index, bytes } = first;
  return { node, index, bytes, chunks: chunksOf(shared, admit, rest, first, signal) };
}

async function* chunksOf(
  shared: CallShared,
  admit: () => void,
  to: Target,
  first: SnapshotBytes,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const { node, index, bytes } = first;
  const { timeoutMs } = shared.context.limits;
  let [offset, { part }] = [0, first];
  for (;;) {
    const end = offset + part.length;
    if (end > bytes || (part.length === 0 && end < bytes)) throw malformed();
    yield part;
    offset = end;
    if (offset === bytes) return;
    const at = { node, index, bytes, offset };
    admit();
    const had = `${offset} of ${bytes} bytes`;
    const next = await ask(shared, { to, at, had, sent: () => {} }, { signal, timeoutMs });
    if (next.node !== node || next.index !== index || next.offset !== offset || next.bytes !== bytes) throw malformed();
    part = next.part;
  }
}

interface Wanted {
  readonly to: Target;
  readonly at: SnapshotPlace | null;
  /** What has come by now, for people. */
  readonly had: string;
  readonly sent: (connection: Connection) => void;
}

function ask(
  shared: CallShared,
  { to, at, had, sent }: Wanted,
  options: { readonly signal: AbortSignal | undefined; readonly timeoutMs: number },
): Promise<SnapshotBytes> {
  const bytesMax = Math.min(snapshotPartBytesMax, shared.context.limits.frameBytesMax - roomBytes);
  const call = encodeAdminCall({ op: "readSnapshot", at, bytesMax });
  const asked = new Call<SnapshotBytes>(
    shared,
    {
      kind: "admin",
      to,
      bytes: 8 + call.length,
      // Reading changes nothing, and one snapshot too many does no harm.
      repeatable: true,
      request: (id, deadlineMs) => ({ kind: "admin", id, deadlineMs, call }),
      read: (answer) => {
        if (answer.kind === "result") return decodeSnapshotBytes(answer.body);
        throw malformed();
      },
      final: ({ error, retry }) => (retry ? null : error),
      conclude: ({ text, cause, closed, nobody }) => {
        const code = closed ? "Closed" : nobody || at !== null ? "NoServer" : "NoLeader";
        return new SynodError(code, `the snapshot was not fetched, ${had} had come: ${text}`, { cause });
      },
      sent,
    },
    options,
  );
  return asked.begin().go().promise;
}

const malformed = (): SynodError => new SynodError("Malformed", "the server gave something else than the snapshot");
