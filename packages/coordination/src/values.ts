import { type Codec, SynodError } from "@synod/interface";
import { utf8 } from "./wire.js";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Values as they are. */
export const bytesValues: Codec<Uint8Array> = {
  encode: (value) => value,
  decode: (bytes) => bytes,
};

/** Texts as UTF-8. */
export const textValues: Codec<string> = {
  encode: utf8,
  decode(bytes) {
    try {
      return decoder.decode(bytes);
    } catch (cause) {
      throw new SynodError("Malformed", "The value is no UTF-8 text.", { cause });
    }
  },
};

/** Values as JSON. Whether what is read is a `T` is for you to check. */
export function jsonValues<T>(): Codec<T> {
  return {
    encode(value) {
      const text = JSON.stringify(value) as string | undefined;
      if (text === undefined) throw new SynodError("InvalidArgument", `${typeof value} has no JSON text: use null.`);
      return utf8(text);
    },
    decode(bytes) {
      try {
        return JSON.parse(textValues.decode(bytes)) as T;
      } catch (cause) {
        throw new SynodError("Malformed", "The value is no JSON text.", { cause });
      }
    },
  };
}
