import { createHash } from "node:crypto";
import { type Applied, type Codec, type SnapshotSink, type StateMachine, SynodError } from "@synod/interface";
import { cowMap } from "@synod/rsm";

/** What the replicated store can be told. */
export type KvCommand =
  | { readonly op: "put"; readonly key: string; readonly value: string }
  /** Replaces the value only if it is `from`; null stands for "not set". */
  | { readonly op: "cas"; readonly key: string; readonly from: string | null; readonly to: string }
  /** Adds one to an integer; a key that is not set counts as 0. */
  | { readonly op: "incr"; readonly key: string }
  | { readonly op: "delete"; readonly key: string };

/** Several keys at once, so that one confirmed read covers them all. */
export interface KvQuery {
  readonly keys: readonly string[];
}

/** `done` tells whether the command did what it asked for; `value` is what the key holds afterwards. */
export interface KvResult {
  readonly done: boolean;
  readonly value: string | null;
}

/** The values of the keys in the order asked for. */
export type KvAnswer = readonly (string | null)[];

const INTEGER = /^-?\d{1,100}$/;
const CHUNK_CHARS = 64 * 1024;

/** The key-value store of the demo: strings to strings. */
export function kvMachine(): StateMachine<KvCommand, KvQuery, KvResult, KvAnswer> {
  const entries = cowMap<string, string>();

  const put = (key: string, value: string): Applied<KvResult> => {
    entries.set(key, value);
    return { result: { done: true, value } };
  };

  return {
    apply(command) {
      const { key } = command;
      const current = entries.get(key) ?? null;
      const refused: Applied<KvResult> = { result: { done: false, value: current } };
      switch (command.op) {
        case "put":
          return put(key, command.value);
        case "cas":
          return current === command.from ? put(key, command.to) : refused;
        case "incr":
          return INTEGER.test(current ?? "0") ? put(key, String(BigInt(current ?? "0") + 1n)) : refused;
        case "delete":
          return { result: { done: entries.delete(key), value: null } };
      }
    },
    query: ({ keys }) => keys.map((key) => entries.get(key) ?? null),
    snapshot: () => linesOf(entries.snapshot()),
    restore() {
      entries.clear();
      return lineSink(([key, value]) => entries.set(key, value));
    },
    digest() {
      const hash = createHash("sha256");
      for (const pair of [...entries].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${JSON.stringify(pair)}\n`);
      return hash.digest("hex");
    },
  };
}

function* linesOf(entries: Iterable<[string, string]>): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  let text = "";
  for (const entry of entries) {
    text += `${JSON.stringify(entry)}\n`;
    if (text.length < CHUNK_CHARS) continue;
    yield encoder.encode(text);
    text = "";
  }
  if (text !== "") yield encoder.encode(text);
}

function lineSink(take: (entry: [string, string]) => void): SnapshotSink {
  const decoder = new TextDecoder();
  let rest = "";
  return {
    write(chunk) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) take(JSON.parse(line) as [string, string]);
    },
    end() {
      if (rest !== "") throw new SynodError("Malformed", "the snapshot of the demo's store ends within a line");
    },
  };
}

/** As it is typed at the prompt. */
export function commandText(command: KvCommand): string {
  const { op, key } = command;
  const clip = (text: string | null): string =>
    text === null ? "–" : text.length > 24 ? `${text.slice(0, 23)}…` : text;
  switch (command.op) {
    case "put":
      return `${op} ${clip(key)} ${clip(command.value)}`;
    case "cas":
      return `${op} ${clip(key)} ${clip(command.from)} ${clip(command.to)}`;
    default:
      return `${op} ${clip(key)}`;
  }
}

const isText = (value: unknown): value is string => typeof value === "string";

function isCommand(value: unknown): value is KvCommand {
  if (typeof value !== "object" || value === null) return false;
  const fields = value as Readonly<Record<string, unknown>>;
  if (!isText(fields["key"])) return false;
  switch (fields["op"]) {
    case "put":
      return isText(fields["value"]);
    case "cas":
      return (isText(fields["from"]) || fields["from"] === null) && isText(fields["to"]);
    case "incr":
    case "delete":
      return true;
    default:
      return false;
  }
}

/** Lets only commands of the store through, so that foreign bytes in the log cannot make `apply` throw. */
export function kvCodec(plain: Codec<unknown>): Codec<KvCommand> {
  return {
    encode: (command) => plain.encode(command),
    decode(bytes) {
      const value = plain.decode(bytes);
      if (!isCommand(value)) throw new SynodError("Malformed", "not a command of the demo's key-value store");
      return value;
    },
  };
}
