import type { Codec, StateMachine } from "@synod/interface";

const bytes: Codec<Uint8Array> = { encode: (value) => value, decode: (value) => value.slice() };

/** What the daemon replicates. */
export function machine(): StateMachine<Uint8Array, null, Uint8Array> {
  return {
    apply: (command) => ({ result: command }),
    query: () => new Uint8Array(0),
    snapshot: () => [],
    restore: () => ({ write() {}, end() {} }),
  };
}

export function codecs(): { readonly commandCodec: Codec<Uint8Array>; readonly resultCodec: Codec<Uint8Array> } {
  return { commandCodec: bytes, resultCodec: bytes };
}
