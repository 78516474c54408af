import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { FileSystem, Slot, Vote } from "@synod/interface";
import { FORMAT_VERSION } from "./bytes.js";
import { damaged, versionUnsupported } from "./errors.js";
import { decodeHeader, HEADER_BYTES, type Header, MAGIC } from "./frame.js";
import { segmentName } from "./names.js";
import { type DecodedBody, decodeBody, type LogState, raiseState, type Records } from "./records.js";
import { ReadWindow } from "./window.js";

export interface SegmentInfo {
  readonly segment: number;
  /** Highest slot of a vote or chosen value in it, or 0. */
  slotMax: Slot;
}

/** The last batch of the log: where it is, and what the next one is chained to. */
export interface LogTail {
  readonly header: Header;
  /** Where it ends in its segment. */
  readonly end: number;
  /** All its records, those that a snapshot covers included. */
  readonly records: Records;
}

export interface ReadLog {
  readonly state: LogState;
  readonly votes: Map<Slot, Vote>;
  readonly chosen: Map<Slot, Uint8Array>;
  /** Undefined if there is no whole batch. */
  readonly tail: LogTail | undefined;
  /** Segments up to the one with the last batch. */
  readonly segments: SegmentInfo[];
  /** Segments after it, which were created but never got a whole batch. */
  readonly unbegun: readonly number[];
}

/** Where the frames of one segment stop. */
interface Stop {
  readonly segment: number;
  readonly at: number;
  readonly frames: number;
}

/** Reads the whole log once, checks that it is all there, and adds it up. Changes nothing. */
export class LogReader {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #storeId: string;
  readonly #skipUpTo: Slot;

  readonly #state: LogState = { promised: null, chosenUpTo: 0, bootCount: 0, leaseMs: 0 };
  readonly #votes = new Map<Slot, Vote>();
  readonly #chosen = new Map<Slot, Uint8Array>();
  readonly #stops: Stop[] = [];
  readonly #slotMax: Slot[] = [];
  #last: Header | undefined;

  constructor(fileSystem: FileSystem, directory: string, storeId: string, skipUpTo: Slot) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#storeId = storeId;
    this.#skipUpTo = skipUpTo;
  }

  /** @throws SynodError `StoreDamaged`, `VersionUnsupported` */
  async read(segments: readonly number[]): Promise<ReadLog> {
    for (const segment of segments) {
      await this.#withSegment(segment, async (window) => {
        this.#stops.push(await this.#readFrames(segment, window));
      });
    }
    let kept = this.#stops.length;
    while (kept > 0 && this.#stops[kept - 1]?.frames === 0) kept--;
    // A whole frame beyond the first bad one proves that the bad one had been flushed. Segments with a successor need no
    // such look: the sequence of the successor's first frame has told already.
    for (const stop of this.#stops.slice(Math.max(kept - 1, 0))) await this.#refuseLaterFrames(stop);
    return {
      state: this.#state,
      votes: this.#votes,
      chosen: this.#chosen,
      tail: await this.#readTail(this.#stops[kept - 1]),
      segments: segments.slice(0, kept).map((segment, i) => ({ segment, slotMax: this.#slotMax[i] ?? 0 })),
      unbegun: segments.slice(kept),
    };
  }

  async #withSegment<T>(segment: number, use: (window: ReadWindow) => Promise<T>): Promise<T> {
    const handle = await this.#fileSystem.open(this.#file(segment), "read");
    try {
      return await use(new ReadWindow(handle, await handle.size()));
    } finally {
      await handle.close();
    }
  }

  #file(segment: number): string {
    return join(this.#directory, segmentName(segment));
  }

  async #readFrames(segment: number, window: ReadWindow): Promise<Stop> {
    let at = 0;
    let frames = 0;
    let slotMax = 0;
    for (;;) {
      if (!window.has(at, HEADER_BYTES) && !(await window.load(at, HEADER_BYTES))) break;
      const header = decodeHeader(window.view(at, HEADER_BYTES), 0);
      if (header === undefined) break;
      this.#checkHeader(header, segment, at);
      const from = at + HEADER_BYTES;
      if (!window.has(from, header.bodyBytes) && !(await window.load(from, header.bodyBytes))) break;
      const body = window.view(from, header.bodyBytes);
      if (crc32(body) !== header.bodyChecksum) break;
      slotMax = Math.max(slotMax, this.#takeBody(body, segment, at));
      this.#last = header;
      frames++;
      at = from + header.bodyBytes;
    }
    this.#slotMax.push(slotMax);
    return { segment, at, frames };
  }

  #takeBody(body: Buffer, segment: number, at: number): Slot {
    const records = this.#decode(body, segment, at, this.#skipUpTo);
    raiseState(this.#state, records);
    for (const vote of records.votes) this.#votes.set(vote.slot, vote);
    for (const { slot, value } of records.chosen) this.#chosen.set(slot, value);
    return records.slotMax;
  }

  #decode(body: Buffer, segment: number, at: number, skipUpTo: Slot): DecodedBody {
    const records = decodeBody(body, skipUpTo);
    if (records === undefined) throw damaged(this.#file(segment), at, "its checksums are right, its records are not");
    return records;
  }

  /** A header with a valid checksum is no debris: whatever else is wrong with it means that files were mixed up or lost. */
  #checkHeader(header: Header, segment: number, at: number): void {
    const file = this.#file(segment);
    if (header.version !== FORMAT_VERSION) throw versionUnsupported(file, header.version);
    if (header.storeId !== this.#storeId) throw damaged(file, at, `it belongs to another store (${header.storeId})`);
    if (header.segment !== segment || header.offset !== at) {
      throw damaged(file, at, `what is there was written to segment ${header.segment}, byte ${header.offset}`);
    }
    const last = this.#last;
    const before = at === 0 ? this.#stops.at(-1) : undefined;
    if (last === undefined) {
      if (before === undefined) return;
      // A segment is begun only when the one before holds a whole batch.
      throw damaged(
        this.#file(before.segment),
        0,
        `its first batch is unreadable, yet batch ${header.sequence} follows in ${file}`,
      );
    }
    const follows = header.sequence === last.sequence + 1 && header.previous === last.checksum;
    // The first batch of an opening takes the place of the last one that was read, whose bytes may never have reached the disk.
    const replaces = at === 0 && header.sequence === last.sequence && header.previous === last.previous;
    if (follows || replaces) return;
    const [where, offset] = before === undefined ? [file, at] : [this.#file(before.segment), before.at];
    throw damaged(
      where,
      offset,
      `batch ${last.sequence + 1} is unreadable or missing there, yet batch ${header.sequence} follows in ${file}`,
    );
  }

  async #refuseLaterFrames(stop: Stop): Promise<void> {
    const expected = (this.#last?.sequence ?? 0) + 1;
    // The first frame of an unbegun segment may carry the last sequence again, so there the place alone is the proof.
    const above = stop.frames === 0 ? expected - 1 : expected;
    await this.#withSegment(stop.segment, async (window) => {
      let at = stop.at + 1;
      while (window.has(at, HEADER_BYTES) || (await window.load(at, HEADER_BYTES))) {
        const rest = window.rest(at);
        const found = rest.indexOf(MAGIC);
        if (found < 0) {
          // The magic may lie across the end of what is loaded.
          at += rest.length - MAGIC.length + 1;
          continue;
        }
        at += found;
        if (!window.has(at, HEADER_BYTES) && !(await window.load(at, HEADER_BYTES))) return;
        this.#refuseFrame(decodeHeader(window.view(at, HEADER_BYTES), 0), stop, at, above);
        at++;
      }
    });
  }

  #refuseFrame(header: Header | undefined, stop: Stop, at: number, above: number): void {
    if (header === undefined || header.storeId !== this.#storeId) return;
    if (header.segment !== stop.segment || header.offset !== at) return;
    const file = this.#file(stop.segment);
    if (header.version !== FORMAT_VERSION) throw versionUnsupported(file, header.version);
    if (header.sequence <= above) return;
    throw damaged(file, stop.at, `what is there is no whole batch, yet batch ${header.sequence} follows at byte ${at}`);
  }

  async #readTail(stop: Stop | undefined): Promise<LogTail | undefined> {
    const header = this.#last;
    if (header === undefined || stop === undefined) return undefined;
    return this.#withSegment(stop.segment, async (window) => {
      const from = header.offset + HEADER_BYTES;
      await window.load(from, header.bodyBytes);
      const body = window.view(from, header.bodyBytes);
      if (crc32(body) !== header.bodyChecksum) {
        throw damaged(this.#file(stop.segment), header.offset, "the last batch reads differently the second time");
      }
      return { header, end: stop.at, records: this.#decode(body, stop.segment, header.offset, 0) };
    });
  }
}
