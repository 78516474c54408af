import { asText, type Codec, SynodError } from "@synod/interface";
import { checkText, invalid, isBytes, kindOf } from "./checks.js";
import { utf8 } from "./wire.js";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Values as they are. */
export const bytesValues: Codec<Uint8Array> = {
  encode(value) {
    if (isBytes(value)) return value;
    throw invalid(
      `A value is bytes (a Uint8Array), not ${kindOf(value)}. kv.as(textValues) takes texts, kv.as(jsonValues()) what JSON has.`,
    );
  },
  decode: (bytes) => bytes,
};

/** Texts as UTF-8. */
export const textValues: Codec<string> = {
  encode: (text) => utf8(checkText("A value", text)),
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
      // It would be {}.
      if (value instanceof Promise) throw invalid("A promise has no JSON text: await it first.");
      const text = jsonOf(value);
      if (text === undefined) throw invalid(`${typeof value} has no JSON text: use null.`);
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

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    // A circle, a BigInt.
    throw new SynodError("InvalidArgument", `The value has no JSON text: ${asText(cause)}`, { cause });
  }
}
