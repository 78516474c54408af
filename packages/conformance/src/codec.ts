import type { Codec, SynodErrorCode } from "@synod/interface";
import { check, equal, fullText, hasCode, isEqual, numbers, sameBytes, show } from "./assert.js";
import { shaped } from "./shape.js";
import { caseRunner, type SuiteOptions } from "./suite.js";

export interface CodecSuiteOptions<T> extends SuiteOptions {
  readonly create: () => Codec<T> | Promise<Codec<T>>;
  /** Values of all kinds that the codec is for, at least two different ones. The more, the better the suite. */
  readonly samples: readonly T[];
  /** Default: equal in content, bytes included. */
  readonly equal?: (actual: T, expected: T) => boolean;
  /**
   * False for text-like formats, where a part of an encoding may be an encoding too: then one that is cut or followed by more
   * bytes may be read, but still must not fail in another way than by a `SynodError`. Default true.
   */
  readonly selfDelimiting?: boolean;
  /** Longer input is `TooLarge`, whatever it is. Adds a case. */
  readonly bytesMax?: number;
}

const CODES: readonly SynodErrorCode[] = ["Malformed", "VersionUnsupported", "TooLarge"];
/** Up to this length every position of an encoding is tried; of a longer one its head, its end and some in between. */
const EVERY_POSITION_BYTES = 512;
const RANDOM_INPUTS = 2000;
const SAMPLES_MIN = 2;

interface Bench<T> {
  readonly codec: Codec<T>;
  /** Another instance. */
  readonly other: Codec<T>;
  readonly samples: readonly T[];
  /** The samples as they were before anything was done with them. */
  readonly texts: readonly string[];
  readonly same: (actual: T, expected: T) => boolean;
}

type AddCase<T> = (name: string, body: (bench: Bench<T>) => void) => void;

/**
 * What every `Codec` must do: give back what it was given, the same bytes for the same value, share no memory, and refuse everything
 * malformed with a `SynodError` that says so.
 */
export function codecSuite<T>(options: CodecSuiteOptions<T>): void {
  const { create, samples, equal: same = isEqual, selfDelimiting = true, bytesMax } = options;
  const register = caseRunner(options);
  if (!Array.isArray(samples) || samples.length < SAMPLES_MIN) {
    const given = Array.isArray(samples) ? `${samples.length} of them` : show(samples);
    const rule = `codecSuite needs samples: an array of at least ${SAMPLES_MIN} different values, not ${given}`;
    return register("there are enough samples", async () => check(false, rule));
  }
  const texts = samples.map(fullText);
  const made = async (): Promise<Codec<T>> => shaped(await create(), ["encode", "decode"], "a Codec");
  const add: AddCase<T> = (name, body) =>
    register(name, async () => body({ codec: await made(), other: await made(), samples, texts, same }));
  valueCases(add);
  ownershipCases(add);
  lastingCases(add);
  malformedCases(add, selfDelimiting);
  if (bytesMax !== undefined) {
    add("input that is too long is TooLarge", ({ codec }) => {
      for (const fill of [0, 0x90, 0xff]) {
        const end = ending(() => codec.decode(new Uint8Array(bytesMax + 1).fill(fill)));
        check(
          end.kind === "threw" && hasCode(end.error, ["TooLarge"]),
          `decode() of ${bytesMax + 1} bytes throws TooLarge, not: ${show(end)}`,
        );
      }
    });
  }
}

function valueCases<T>(add: AddCase<T>): void {
  add("samples come back equal", ({ codec, other, samples, same }) => {
    for (const sample of samples) {
      const encoded = codec.encode(sample);
      check(encoded instanceof Uint8Array, `encode() gives a Uint8Array, not ${show(encoded)}`);
      for (const reader of [codec, other]) {
        const back = reader.decode(encoded);
        check(same(back, sample), `${show(sample)} has to come back equal, not as ${show(back)}`);
      }
    }
  });

  add("equal values give equal bytes, at any time and in any instance", ({ codec, other, samples }) => {
    const first = samples.map((sample) => codec.encode(sample).slice());
    const again = [...samples].reverse().map((sample) => codec.encode(sample).slice());
    again.reverse();
    const elsewhere = samples.map((sample) => other.encode(sample).slice());
    const recoded = first.map((encoded) => codec.encode(codec.decode(encoded)).slice());
    for (const [i, encoded] of first.entries()) {
      const sample = show(samples[i]);
      equal(again[i], encoded, `the second encoding of ${sample}`);
      equal(elsewhere[i], encoded, `the encoding of ${sample} by another instance`);
      equal(recoded[i], encoded, `the encoding of ${sample} once decoded`);
    }
  });

  add("different values give different bytes", ({ codec, samples, same }) => {
    const encoded = samples.map((sample) => codec.encode(sample).slice());
    for (const [i, a] of encoded.entries()) {
      for (const [j, b] of encoded.entries()) {
        const [one, two] = [samples[i] as T, samples[j] as T];
        if (j > i && !same(one, two)) check(!sameBytes(a, b), `${show(one)} and ${show(two)} have the same encoding`);
      }
    }
  });

  add("encode leaves the value as it is", ({ codec, samples, texts }) => {
    for (const [i, sample] of samples.entries()) {
      codec.encode(sample);
      check(fullText(sample) === texts[i], `encode() changed sample ${i} into ${show(sample)}`);
    }
  });
}

function ownershipCases<T>(add: AddCase<T>): void {
  add("an encoding belongs to the caller and keeps through later calls", ({ codec, samples }) => {
    const encodings = samples.map((sample) => codec.encode(sample));
    const copies = encodings.map((encoded) => encoded.slice());
    for (const sample of samples) codec.decode(codec.encode(sample));
    for (const [i, encoded] of encodings.entries()) equal(encoded, copies[i], "an encoding after later calls");
    for (const encoded of encodings) encoded.fill(0xff);
    for (const [i, sample] of samples.entries()) {
      equal(codec.encode(sample), copies[i], "the encoding after the caller overwrote an earlier one");
    }
  });

  add("what was decoded shares no memory with the bytes", ({ codec, samples, same }) => {
    for (const sample of samples) {
      const encoded = codec.encode(sample).slice();
      const decoded = codec.decode(encoded);
      for (const fill of [0x00, 0xff]) {
        encoded.fill(fill);
        check(same(decoded, sample), `${show(sample)} became ${show(decoded)} when the input was overwritten`);
      }
    }
  });

  add("decode reads a view, and no more than the view", ({ codec, samples, same }) => {
    for (const sample of samples) {
      const encoded = codec.encode(sample).slice();
      const around = new Uint8Array(encoded.length + 32).fill(0xc1);
      around.set(encoded, 16);
      const decoded = codec.decode(around.subarray(16, 16 + encoded.length));
      check(same(decoded, sample), `${show(sample)} in the middle of a buffer came back as ${show(decoded)}`);
      const untouched = around.fill(0xc1, 16, 16 + encoded.length).every((byte) => byte === 0xc1);
      check(untouched, "decode() does not write around its input");
    }
  });

  add("decode leaves its input as it is", ({ codec, samples }) => {
    for (const sample of samples) {
      const encoded = codec.encode(sample).slice();
      const copy = encoded.slice();
      codec.decode(encoded);
      equal(encoded, copy, "the input after decode()");
    }
  });

  add("decoding twice gives values that share nothing", ({ codec, samples, same }) => {
    for (const sample of samples) {
      const encoded = codec.encode(sample).slice();
      const one = codec.decode(encoded);
      const two = codec.decode(encoded);
      spoil(one, new Set());
      check(same(two, sample), `${show(sample)} became ${show(two)} when an earlier result was changed`);
    }
  });
}

/** Replicas read the same command in one way or the other. */
function lastingCases<T>(add: AddCase<T>): void {
  add("decodeLasting gives and refuses what decode does", ({ codec, samples, same }) => {
    if (codec.decodeLasting === undefined) return;
    const shown = (end: Ending<T>): string =>
      end.kind === "gave" ? `gave ${show(end.value)}` : `threw ${show(end.error)}`;
    const alike = (a: Ending<T>, b: Ending<T>): boolean => {
      if (a.kind === "gave" && b.kind === "gave") return same(b.value, a.value);
      return (
        a.kind === "threw" &&
        b.kind === "threw" &&
        CODES.some((code) => [a, b].every(({ error }) => hasCode(error, [code])))
      );
    };
    const kept = samples.map((sample) => codec.decodeLasting?.(codec.encode(sample).slice()) as T);
    for (const sample of samples) {
      const encoded = codec.encode(sample).slice();
      const around = new Uint8Array(encoded.length + 32).fill(0xc1);
      around.set(encoded, 16);
      const inputs = [encoded, around.subarray(16, 16 + encoded.length), around.subarray(16, 17 + encoded.length)];
      for (const length of positions(encoded.length)) {
        const damaged = encoded.slice();
        damaged[length] = (damaged[length] ?? 0) ^ 1;
        inputs.push(encoded.slice(0, length), damaged);
      }
      for (const input of inputs) {
        const copy = input.slice();
        const [one, two] = [ending(() => codec.decode(input)), ending(() => codec.decodeLasting?.(input) as T)];
        check(alike(one, two), `${show(input)}: decode() ${shown(one)}, decodeLasting() ${shown(two)}`);
        equal(input, copy, "the input after decodeLasting()");
      }
    }
    for (const [i, sample] of samples.entries()) {
      check(same(kept[i] as T, sample), `${show(sample)} became ${show(kept[i])} after later calls of decodeLasting()`);
    }
  });
}

function malformedCases<T>(add: AddCase<T>, selfDelimiting: boolean): void {
  /** Whatever the bytes, decode gives a value or one of its errors. */
  const tame = (codec: Codec<T>, input: Uint8Array, what: () => string, mayPass: boolean): void => {
    const end = ending(() => codec.decode(input));
    const fits = end.kind === "threw" ? hasCode(end.error, CODES) : mayPass;
    const wanted = `${mayPass ? "gives a value or " : ""}throws a SynodError ${CODES.join(", ")}`;
    if (!fits)
      throw new Error(
        `${what()}: decode() ${wanted}; but it ${end.kind === "threw" ? `threw ${show(end.error)}` : `gave ${show(end.value)}`}`,
      );
  };

  add("every truncation is refused", ({ codec, samples }) => {
    for (const sample of samples) {
      const encoded = codec.encode(sample).slice();
      for (const length of positions(encoded.length)) {
        tame(
          codec,
          encoded.slice(0, length),
          () => `${show(sample)} cut to ${length} of ${encoded.length} bytes`,
          !selfDelimiting,
        );
      }
    }
  });

  add("trailing bytes are refused", ({ codec, samples }) => {
    for (const sample of samples) {
      const encoded = codec.encode(sample).slice();
      for (const more of [Uint8Array.of(0), Uint8Array.of(0xff), Uint8Array.of(0x20), encoded]) {
        if (more.length === 0) continue;
        const input = new Uint8Array(encoded.length + more.length);
        input.set(encoded);
        input.set(more, encoded.length);
        tame(codec, input, () => `${show(sample)} followed by ${show(more)}`, !selfDelimiting);
      }
    }
  });

  add("flipped bits never fail in another way than by a SynodError", ({ codec, samples }) => {
    for (const sample of samples) {
      const encoded = codec.encode(sample).slice();
      for (const at of positions(encoded.length)) {
        for (let bit = 0; bit < 8; bit++) {
          const damaged = encoded.slice();
          damaged[at] = (damaged[at] ?? 0) ^ (1 << bit);
          tame(codec, damaged, () => `${show(sample)} with bit ${bit} of byte ${at} flipped`, true);
        }
      }
    }
  });

  add("random bytes never fail in another way than by a SynodError", ({ codec, samples }) => {
    const next = numbers(1);
    const heads = [new Uint8Array(0), ...samples.map((sample) => codec.encode(sample).slice(0, 12))];
    for (let i = 0; i < RANDOM_INPUTS; i++) {
      const head = heads[i % heads.length] ?? new Uint8Array(0);
      const kept = next() % (head.length + 1);
      const input = Uint8Array.from({ length: kept + (next() % 64) }, (_, at) =>
        at < kept ? (head[at] ?? 0) : next() & 255,
      );
      tame(codec, input, () => show(input), true);
    }
  });

  add("bytes that were refused leave the codec as it was", ({ codec, samples, same }) => {
    for (const sample of samples) {
      const encoded = codec.encode(sample).slice();
      for (const length of [0, 1, encoded.length - 1])
        ending(() => codec.decode(encoded.slice(0, Math.max(0, length))));
      const back = codec.decode(encoded);
      check(same(back, sample), `${show(sample)} came back as ${show(back)} after refused input`);
      equal(codec.encode(sample), encoded, "the encoding after refused input");
    }
  });
}

type Ending<V> = { readonly kind: "gave"; readonly value: V } | { readonly kind: "threw"; readonly error: unknown };

function ending<V>(call: () => V): Ending<V> {
  try {
    return { kind: "gave", value: call() };
  } catch (error) {
    return { kind: "threw", error };
  }
}

function positions(length: number): number[] {
  const all = Array.from({ length }, (_, at) => at);
  if (length <= EVERY_POSITION_BYTES) return all;
  const step = Math.ceil(length / 64);
  return all.filter((at) => at < 128 || at >= length - 16 || at % step === 0);
}

/** Overwrites what can be: bytes, and the parts of arrays and objects. */
function spoil(value: unknown, seen: Set<unknown>): void {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Uint8Array) {
    value.fill(0xff);
    return;
  }
  for (const part of Object.values(value)) spoil(part, seen);
  if (Array.isArray(value)) value.length = 0;
  else if (!Object.isFrozen(value)) for (const key of Object.keys(value)) Reflect.deleteProperty(value, key);
}
