import type { Codec } from "@synod/interface";
import { commandCodec, resultCodec } from "./command-codecs.js";
import { answerCodec, queryCodec } from "./query-codecs.js";
import type { CoordinationAnswer, CoordinationCommand, CoordinationQuery, CoordinationResult } from "./types.js";

/** What `createNode`, `connect` and `serve` take. */
export interface CoordinationCodecs {
  readonly commandCodec: Codec<CoordinationCommand>;
  readonly resultCodec: Codec<CoordinationResult>;
  readonly queryCodec: Codec<CoordinationQuery>;
  readonly answerCodec: Codec<CoordinationAnswer>;
}

/** Compact binary formats, pinned by golden files. To be spread into the options of a node, a client or a server. */
export function coordinationCodecs(): CoordinationCodecs {
  return { commandCodec, resultCodec, queryCodec, answerCodec };
}
