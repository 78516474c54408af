import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { FileHandle, FileSystem, Slot } from "@synod/interface";
import { copyState, encodeHeader, HEADER_BYTES, type LogState, raiseState } from "./frame.js";
import type { LogTail, SegmentInfo } from "./log-reader.js";
import { segmentName, TEMPORARY } from "./names.js";
import { Pace } from "./pace.js";
import { type EncodedBody, encodeBody } from "./records.js";

export interface LogPlace {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly storeId: string;
  readonly segmentBytes: number;
  /** Milliseconds, to tell how fast the disk is. */
  readonly now: () => number;
}

/** On a fast disk a write up to this size is done in less time than a thread of the pool needs to take it over. */
const WRITE_NOW_BYTES_MAX = 64 * 1024;

const ZEROS = new Uint8Array(2 ** 20);

/** The end of the write-ahead log that grows. The caller makes one call at a time and none after a failed one. */
export class Log {
  readonly #place: LogPlace;
  #state: LogState;
  /** Oldest first; the last one is being written to. */
  readonly #segments: SegmentInfo[];
  #handle: FileHandle;
  #offset = 0;
  readonly #pace = new Pace();
  #sequence: number;
  #previous: number;
  /** The next segment, made while the present one is being filled; undefined in it: that failed, e.g. for want of room. */
  #spare: Promise<FileHandle | undefined> | undefined;

  private constructor(place: LogPlace, state: LogState, segments: SegmentInfo[], handle: FileHandle, tail: LogTail) {
    this.#place = place;
    this.#state = state;
    this.#segments = segments;
    this.#handle = handle;
    this.#sequence = tail.sequence;
    this.#previous = tail.previous;
  }

  /**
   * Goes on in a new segment, whose first batch takes the place of the last one read and repeats all its records: that one may
   * have been read from the page cache while the disk does not have it.
   */
  static async begin(
    place: LogPlace,
    state: LogState,
    segments: readonly SegmentInfo[],
    number: number,
    tail: LogTail,
  ): Promise<Log> {
    const handle = await prepareSegment(place);
    try {
      await installSegment(place, number);
      const log = new Log(place, copyState(state), [...segments, { segment: number, slotMax: 0 }], handle, tail);
      await log.#write(state, encodeBody(tail.records));
      return log;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Durable when it settles. `marks` are what the write raises. */
  async append(
    marks: Pick<Partial<LogState>, "promised" | "chosenUpTo" | "leaseMs">,
    body: EncodedBody,
  ): Promise<void> {
    const size = this.#place.segmentBytes;
    if (this.#offset + HEADER_BYTES + body.bytes > size && this.#offset > 0) {
      await this.#nextSegment();
    }
    await this.#write(marks, body);
    if (this.#spare === undefined && this.#offset > size / 2) {
      // Nothing is lost with it: when the next segment is needed it is tried again, and only then a failure counts.
      this.#spare = prepareSegment(this.#place).catch(() => undefined);
    }
  }

  /** The first segment that must be kept if votes and values up to `upTo` may go. */
  firstNeeded(upTo: Slot): number {
    const needed = this.#segments.find(({ slotMax }) => slotMax > upTo) ?? this.#segments.at(-1);
    return needed?.segment ?? 1;
  }

  /** Removes the segments below `first`, oldest first. */
  async removeBelow(first: number): Promise<void> {
    const { fileSystem, directory } = this.#place;
    for (let oldest = this.#segments[0]; oldest !== undefined && oldest.segment < first; oldest = this.#segments[0]) {
      await fileSystem.remove(join(directory, segmentName(oldest.segment)));
      this.#segments.shift();
    }
    await fileSystem.syncDirectory(directory);
  }

  async close(): Promise<void> {
    const spare = await this.#spare;
    await Promise.allSettled([this.#handle.close(), spare?.close()]);
    const { fileSystem, directory } = this.#place;
    if (spare !== undefined) await fileSystem.remove(join(directory, TEMPORARY.segment));
  }

  async #nextSegment(): Promise<void> {
    const next = (await this.#spare) ?? (await prepareSegment(this.#place));
    const full = this.#handle;
    this.#handle = next;
    this.#spare = undefined;
    await full.close();
    const segment = (this.#segments.at(-1)?.segment ?? 0) + 1;
    await installSegment(this.#place, segment);
    this.#segments.push({ segment, slotMax: 0 });
    this.#offset = 0;
  }

  async #write(marks: Partial<LogState>, body: EncodedBody): Promise<void> {
    const current = this.#segments.at(-1) as SegmentInfo;
    const state = copyState(this.#state);
    raiseState(state, marks);
    state.slotMax = Math.max(state.slotMax, body.slotMax);
    let bodyChecksum = 0;
    for (const chunk of body.chunks) bodyChecksum = crc32(chunk, bodyChecksum);
    const header = encodeHeader({
      storeId: this.#place.storeId,
      segment: current.segment,
      offset: this.#offset,
      sequence: this.#sequence,
      state,
      previous: this.#previous,
      bodyBytes: body.bytes,
      bodyChecksum,
    });
    await this.#flush([header.bytes, ...body.chunks], HEADER_BYTES + body.bytes);
    this.#state = state;
    this.#sequence++;
    this.#previous = header.checksum;
    this.#offset += HEADER_BYTES + body.bytes;
    current.slotMax = Math.max(current.slotMax, body.slotMax);
  }

  async #flush(chunks: readonly Uint8Array[], bytes: number): Promise<void> {
    const [handle, pace, { now }] = [this.#handle, this.#pace, this.#place];
    const isShort = bytes <= WRITE_NOW_BYTES_MAX;
    let startedMs = now();
    if (handle.now !== undefined && isShort && pace.mayWait(startedMs)) {
      // What this turn sends must not wait for the disk of this node.
      await turnEnd();
      startedMs = now();
      handle.now.write(chunks, this.#offset);
      handle.now.datasync();
      pace.waited(now() - startedMs, now());
      return;
    }
    await handle.write(chunks, this.#offset);
    await handle.datasync();
    if (isShort) pace.tried(now() - startedMs, now());
  }
}

/** Settles when what is about to run in this turn of the event loop has run. */
const turnEnd = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

/** A file of zeros under a temporary name: flushing into blocks that are there already costs the disk less than growing a file. */
async function prepareSegment({ fileSystem, directory, segmentBytes }: LogPlace): Promise<FileHandle> {
  const file = join(directory, TEMPORARY.segment);
  const handle = await fileSystem.open(file, "create");
  try {
    for (let at = 0; at < segmentBytes; at += ZEROS.length) {
      await handle.write([ZEROS.subarray(0, Math.min(ZEROS.length, segmentBytes - at))], at);
    }
    await handle.sync();
    return handle;
  } catch (error) {
    await handle.close();
    // It would take room where there may be none, and be in the way of the next attempt.
    await fileSystem.remove(file);
    throw error;
  }
}

/** Gives the prepared file its name. Only when the last batch of the segment before has been flushed. */
async function installSegment({ fileSystem, directory }: LogPlace, segment: number): Promise<void> {
  await fileSystem.rename(join(directory, TEMPORARY.segment), join(directory, segmentName(segment)));
  await fileSystem.syncDirectory(directory);
}
