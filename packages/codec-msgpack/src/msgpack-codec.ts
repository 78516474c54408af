import { asText, checkNames, type Codec, optionNames, SynodError } from "@synod/interface";
import { BYTES_MAX_DEFAULT, checkLimit, checkSize, malformed } from "./errors.js";
import { packView, unpack } from "./packr.js";
import { checkPlain, DEPTH_MAX } from "./plain.js";
import { scan } from "./scan.js";

export interface MsgpackCodecOptions<T> {
  /** Longer encodings are refused, on encode and, before anything in them is read, on decode. Default 8 MiB. */
  readonly bytesMax?: number;
  /**
   * Turns decoded plain data into a `T` or throws. A `SynodError` with a code that `decode` may throw passes through; anything
   * else becomes the `cause` of `Malformed`. Without it the caller vouches that only a `T` was ever encoded.
   */
  readonly validate?: (value: unknown) => T;
}

// As a record, so that the compiler asks for a new option here, too.
const OPTIONS: Readonly<Record<keyof MsgpackCodecOptions<unknown>, true>> = { bytesMax: true, validate: true };

const DECODE_CODES: ReadonlySet<string> = new Set(["Malformed", "VersionUnsupported", "TooLarge"]);

/**
 * Commands and results as MessagePack: null, booleans, numbers, strings, `Uint8Array`, arrays and plain objects of these.
 *
 * `encode` throws `InvalidArgument` for what would not come back equal and `TooLarge`; `decode` throws `Malformed` and `TooLarge`.
 * Equal data with the same order of keys gives equal bytes.
 * @throws SynodError `InvalidArgument` for an option that is unknown, or a limit that is none.
 */
export function msgpackCodec<T>(options: MsgpackCodecOptions<T> = {}): Codec<T> {
  checkNames((name) => `msgpackCodec has no option ${name}`, options, optionNames(OPTIONS));
  const bytesMax = checkLimit("bytesMax", options.bytesMax ?? BYTES_MAX_DEFAULT);
  const { validate = (value: unknown): T => value as T } = options;
  return {
    encode(value: T): Uint8Array {
      checkPlain(value, bytesMax);
      const bytes = new Uint8Array(packView(value));
      checkSize(bytes.length, "bytesMax", bytesMax);
      return bytes;
    },
    decode(bytes: Uint8Array): T {
      checkSize(bytes.length, "bytesMax", bytesMax);
      scan(bytes, DEPTH_MAX);
      const value = unpack(bytes);
      try {
        return validate(value);
      } catch (error) {
        if (error instanceof SynodError && DECODE_CODES.has(error.code)) throw error;
        throw malformed(`refused by validate: ${error instanceof Error ? error.message : asText(error)}`, error);
      }
    },
  };
}
