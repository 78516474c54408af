import { checkNames, type Codec, optionNames, SynodError } from "@synod/interface";
import type { Envelope } from "@synod/multipaxos";
import { BYTES_MAX_DEFAULT, checkLimit, checkSize, malformed } from "./errors.js";
import { LAYOUT, type Layout, oldest } from "./layout.js";
import { pack } from "./pack.js";
import { read } from "./read.js";
import { unpack } from "./unpack.js";
import { write } from "./write.js";

export interface MessageCodecOptions {
  /** Longer frames are refused, before anything in them is read. Default 8 MiB. Equal on all nodes. */
  readonly frameBytesMax?: number;
}

// As a record, so that the compiler asks for a new option here, too.
const OPTIONS: Readonly<Record<keyof MessageCodecOptions, true>> = { frameBytesMax: true };

/**
 * What replicas say to each other: one envelope is one MessagePack array, its positions fixed by the version in front.
 * Frames are written in the envelope's version: this release's or the one before.
 *
 * `encode` trusts the types and gives an array of exactly the frame's size that belongs to the caller. It throws `TooLarge`
 * rather than make a frame that the peers would refuse. `decode` checks every field; its result owns its bytes.
 * @throws SynodError `InvalidArgument` for an option that is unknown, or a limit that is none.
 */
export function messageCodec(options: MessageCodecOptions = {}): Codec<Envelope> {
  checkNames((name) => `messageCodec has no option ${name}`, options, optionNames(OPTIONS));
  return codecOf(LAYOUT, options);
}

/** The codec of a release with this layout. */
export function codecOf(layout: Layout, options: MessageCodecOptions = {}): Codec<Envelope> {
  const frameBytesMax = checkLimit("frameBytesMax", options.frameBytesMax ?? BYTES_MAX_DEFAULT);
  return {
    encode(envelope: Envelope): Uint8Array {
      const { version } = envelope;
      if (!(version >= oldest(layout) && version <= layout.version)) throw unsupported(`version ${version}`, layout);
      const frame = pack(write(envelope, layout));
      checkSize(frame.length, "frameBytesMax", frameBytesMax);
      return frame;
    },
    decode(bytes: Uint8Array): Envelope {
      checkSize(bytes.length, "frameBytesMax", frameBytesMax);
      checkVersion(bytes, layout);
      return read(unpack(bytes), layout);
    },
  };
}

/** Comes before everything else, since another version may have any other shape behind its number. */
function checkVersion(bytes: Uint8Array, layout: Layout): void {
  const token = bytes[0] ?? 0;
  const at = token >= 0x90 && token < 0xa0 ? 1 : token === 0xdc ? 3 : token === 0xdd ? 5 : bytes.length;
  const version = bytes[at];
  if (version !== undefined && version >= oldest(layout) && version <= layout.version) return;
  // 0 to 127 in one byte, or the head of a larger unsigned integer.
  if (version === undefined || (version >= 0x80 && !(version >= 0xcc && version <= 0xcf))) {
    throw malformed("not a Synod frame: no version in front");
  }
  throw unsupported(version < 0x80 ? `version ${version}` : "a version above 127", layout);
}

function unsupported(found: string, layout: Layout): SynodError {
  const [from, to] = [oldest(layout), layout.version];
  const versions = from === to ? `version ${to}` : `versions ${from} and ${to}`;
  return new SynodError(
    "VersionUnsupported",
    `the frame has ${found}, this node reads and writes ${versions}: start it with the release that the other members run`,
  );
}
