import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { FileSystem, Slot } from "@synod/interface";
import { FORMAT_VERSION } from "./bytes.js";
import { damaged, versionUnsupported } from "./errors.js";
import { Findings, type Recollection } from "./findings.js";
import { decodeHeader, HEADER_BYTES, type Header, type LogState, MAGIC, raiseState } from "./frame.js";
import { segmentName } from "./names.js";
import { type DecodedBody, decodeBody, type Records } from "./records.js";
import { ReadWindow } from "./window.js";

export interface SegmentInfo {
  readonly segment: number;
  /** Highest slot of a vote or chosen value in it, or that a lost batch of it can have held; 0 if there is none. */
  slotMax: Slot;
}

/** How the log goes on. */
export interface LogTail {
  /** Of the next batch, with what it is chained to. */
  readonly sequence: number;
  readonly previous: number;
  /** Records that it must repeat. */
  readonly records: Records;
}

export interface ReadLog extends Recollection {
  readonly state: LogState;
  readonly tail: LogTail;
  /** What follows there is the debris of an unfinished write. Undefined if nothing may be cut. */
  readonly end: { readonly segment: number; readonly at: number } | undefined;
  /** Segments up to the one where the log ends. */
  readonly segments: SegmentInfo[];
}

/** A frame whose header can be read. */
interface Frame {
  readonly header: Header;
  readonly whole: boolean;
  /** Place of its segment among the segments. */
  readonly index: number;
}

/** A stretch of bytes where a frame should begin and does not. */
interface Gap {
  readonly segment: number;
  readonly at: number;
}

/** Reads the whole log once, finds what is missing in it, and adds the rest up. Changes nothing. */
export class LogReader {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #storeId: string;
  readonly #skipUpTo: Slot;

  readonly #state: LogState = { promised: null, chosenUpTo: 0, bootCount: 0, slotMax: 0, leaseMs: 0 };
  readonly #findings = new Findings();
  readonly #segments: SegmentInfo[] = [];
  /** The last frame with a readable header. If it is not whole, what follows tells whether it was lost or never finished. */
  #last: Frame | undefined;
  #lastWhole: Frame | undefined;
  /** Where reading stopped for want of a frame, since the last one. */
  #gap: Gap | undefined;

  constructor(fileSystem: FileSystem, directory: string, storeId: string, skipUpTo: Slot) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#storeId = storeId;
    this.#skipUpTo = skipUpTo;
  }

  /** @throws SynodError `StoreDamaged` for what is no mere loss of batches, `VersionUnsupported` */
  async read(segments: readonly number[]): Promise<ReadLog> {
    for (const segment of segments) {
      this.#segments.push({ segment, slotMax: 0 });
      await this.#withSegment(segment, true, (window) => this.#readSegment(segment, window));
    }
    const [last, whole] = [this.#last, this.#lastWhole];
    if (last !== undefined && last !== whole && last.header.sequence > (whole?.header.sequence ?? 0) + 1) {
      return this.#endUnread(last);
    }
    return {
      ...this.#findings.recollect(this.#state.chosenUpTo, this.#skipUpTo),
      state: this.#state,
      tail: await this.#readTail(whole),
      end: whole && { segment: whole.header.segment, at: endOf(whole.header) },
      segments: this.#segments.slice(0, whole === undefined ? 0 : whole.index + 1),
    };
  }

  /**
   * The last header that can be read proves that a batch before it had been flushed, and the frames of both are bad. Whether its own was
   * ever finished nobody knows; it counts as lost, and nothing is cut. The next batch leaves its sequence out, so that the loss is seen again.
   */
  #endUnread({ header, index }: Frame): ReadLog {
    const file = this.#file(header.segment);
    const place = { file, offset: header.offset, what: `batch ${header.sequence} is unreadable` };
    this.#lost(place, header.state.slotMax);
    raiseState(this.#state, header.state);
    return {
      ...this.#findings.recollect(this.#state.chosenUpTo, this.#skipUpTo),
      state: this.#state,
      tail: { sequence: header.sequence + 1, previous: header.checksum, records: { votes: [], chosen: [] } },
      end: undefined,
      segments: this.#segments.slice(0, index + 1),
    };
  }

  async #withSegment<T>(segment: number, asWhole: boolean, use: (window: ReadWindow) => Promise<T>): Promise<T> {
    const handle = await this.#fileSystem.open(this.#file(segment), "read");
    try {
      const window = new ReadWindow(handle, await handle.size(), asWhole);
      try {
        return await use(window);
      } finally {
        await window.release();
      }
    } finally {
      await handle.close();
    }
  }

  #file(segment: number): string {
    return join(this.#directory, segmentName(segment));
  }

  async #readSegment(segment: number, window: ReadWindow): Promise<void> {
    let at = 0;
    for (;;) {
      const header = (await this.#headerAt(segment, window, at)) ?? (await this.#laterHeader(segment, window, at));
      if (header === undefined) {
        this.#gap ??= { segment, at };
        return;
      }
      if (header.offset !== at) this.#gap = { segment, at };
      await this.#takeFrame(header, window);
      at = endOf(header);
    }
  }

  async #headerAt(segment: number, window: ReadWindow, at: number): Promise<Header | undefined> {
    if (!window.has(at, HEADER_BYTES) && !(await window.load(at, HEADER_BYTES))) return undefined;
    const header = decodeHeader(window.view(at, HEADER_BYTES), 0);
    // A header with a valid checksum is no debris: whatever else is wrong with it means that files were mixed up.
    if (header !== undefined) this.#checkPlace(header, segment, at);
    return header;
  }

  #checkPlace(header: Header, segment: number, at: number): void {
    const file = this.#file(segment);
    if (header.version !== FORMAT_VERSION) throw versionUnsupported(file, header.version);
    if (header.storeId !== this.#storeId) throw damaged(file, at, `it belongs to another store (${header.storeId})`);
    if (header.segment !== segment || header.offset !== at) {
      throw damaged(file, at, `what is there was written to segment ${header.segment}, byte ${header.offset}`);
    }
  }

  /** The next frame of this log beyond bytes that are none: it proves that what was there had been flushed. */
  async #laterHeader(segment: number, window: ReadWindow, from: number): Promise<Header | undefined> {
    const before = this.#last?.header.sequence ?? 0;
    // Right after a frame the next sequence belongs to the place `from` alone.
    const above = this.#last?.header.segment === segment ? before + 1 : before;
    let at = from + 1;
    while (window.has(at, HEADER_BYTES) || (await window.load(at, HEADER_BYTES))) {
      const rest = window.rest(at);
      const found = rest.indexOf(MAGIC);
      if (found < 0) {
        // The magic may lie across the end of what is loaded.
        at += rest.length - MAGIC.length + 1;
        continue;
      }
      at += found;
      if (!window.has(at, HEADER_BYTES) && !(await window.load(at, HEADER_BYTES))) return undefined;
      const header = decodeHeader(window.view(at, HEADER_BYTES), 0);
      const ours = header?.storeId === this.#storeId && header.segment === segment && header.offset === at;
      if (ours && header.version !== FORMAT_VERSION) throw versionUnsupported(this.#file(segment), header.version);
      if (ours && header.sequence > above) return header;
      at++;
    }
    return undefined;
  }

  async #takeFrame(header: Header, window: ReadWindow): Promise<void> {
    this.#checkOrder(header);
    this.#gap = undefined;
    const from = header.offset + HEADER_BYTES;
    const there = window.has(from, header.bodyBytes) || (await window.load(from, header.bodyBytes));
    const body = there ? window.view(from, header.bodyBytes) : undefined;
    const whole = body !== undefined && crc32(body) === header.bodyChecksum;
    this.#last = { header, whole, index: this.#segments.length - 1 };
    if (!whole) return;
    this.#lastWhole = this.#last;
    const records = this.#decode(body, header, this.#skipUpTo);
    raiseState(this.#state, header.state);
    this.#findings.add(records);
    this.#raiseSlotMax(this.#segments.length - 1, records.slotMax);
  }

  #decode(body: Buffer, { segment, offset }: Header, skipUpTo: Slot): DecodedBody {
    const records = decodeBody(body, skipUpTo);
    if (records === undefined) {
      throw damaged(this.#file(segment), offset, "its checksums are right, its records are not");
    }
    return records;
  }

  #raiseSlotMax(index: number, slot: Slot): void {
    const info = this.#segments[index];
    if (info !== undefined) info.slotMax = Math.max(info.slotMax, slot);
  }

  /** Batches between the last frame that was read and what comes next are lost. */
  #lost(place: { file: string; offset: number; what: string }, upTo: Slot): void {
    this.#findings.lost(place, this.#state.chosenUpTo, upTo);
    // The segment must not be dropped before a snapshot covers what is lost: the loss would be forgotten with it.
    this.#raiseSlotMax(this.#last?.index ?? 0, upTo);
  }

  /** Compares a frame with the last one that could be read: it follows, it takes its place, or something between the two is lost. */
  #checkOrder(header: Header): void {
    const { sequence, segment, offset, state } = header;
    const [last, gap] = [this.#last, this.#gap];
    const file = this.#file(segment);
    const [where, at] = gap === undefined ? [file, offset] : [this.#file(gap.segment), gap.at];
    const missing = (from: number): void => {
      const what = `batch ${from} is unreadable or missing there, yet batch ${sequence} follows in ${file}`;
      this.#lost({ file: where, offset: at, what }, state.slotMax);
    };
    if (last === undefined) {
      // The first batch of an opening takes the place of the last one before, so batch 1 may stand at the head of any segment.
      if (gap !== undefined && !(sequence === 1 && offset === 0)) missing(1);
      return;
    }
    const before = last.header;
    const follows = sequence === before.sequence + 1 && header.previous === before.checksum;
    if (follows) {
      if (last.whole) return;
      // Its body was flushed before this frame was begun.
      const what = `batch ${before.sequence} is unreadable, yet batch ${sequence} follows in ${file}`;
      this.#lost({ file: this.#file(before.segment), offset: before.offset, what }, before.state.slotMax);
      raiseState(this.#state, before.state);
      return;
    }
    // The first batch of an opening repeats the last one that was read, whose bytes may never have reached the disk: nothing is lost with those.
    const replaces = offset === 0 && sequence === before.sequence && header.previous === before.previous;
    if (replaces) return;
    const jumped = sequence > before.sequence + 1;
    // Bytes in this segment, or a whole segment before it.
    const unread = gap?.segment === segment || last.index < this.#segments.length - 2;
    const skipped = unread && sequence > before.sequence;
    if (jumped && (offset === 0 || skipped)) return missing(before.sequence + 1);
    if (skipped) return missing(before.sequence);
    throw damaged(where, at, `batch ${sequence} in ${file} was written after another batch ${before.sequence}`);
  }

  async #readTail(tail: Frame | undefined): Promise<LogTail> {
    if (tail === undefined) return { sequence: 1, previous: 0, records: { votes: [], chosen: [] } };
    const { header } = tail;
    return this.#withSegment(header.segment, false, async (window) => {
      const from = header.offset + HEADER_BYTES;
      await window.load(from, header.bodyBytes);
      const body = window.view(from, header.bodyBytes);
      if (crc32(body) !== header.bodyChecksum) {
        throw damaged(this.#file(header.segment), header.offset, "the last batch reads differently the second time");
      }
      const { sequence, previous } = header;
      return { sequence, previous, records: this.#decode(body, header, 0) };
    });
  }
}

const endOf = (header: Header): number => header.offset + HEADER_BYTES + header.bodyBytes;
