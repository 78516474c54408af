import type { Action, ProcessId, World } from "@synod/lecture";

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** Two signs from 62 on, marked by an underscore. */
function numberCode(value: number): string {
  if (value < DIGITS.length) return DIGITS[value] ?? "";
  return `_${DIGITS[Math.floor(value / DIGITS.length)] ?? ""}${DIGITS[value % DIGITS.length] ?? ""}`;
}

const processCode = (id: ProcessId): string =>
  id.startsWith("C") ? (DIGITS[9 + Number(id.slice(1))] ?? "") : id.slice(1);

/** An action as a few signs; a message is named by its place among those on their way. */
export function encodeAction(world: World, action: Action): string {
  const place = (id: number): string => numberCode(world.flights.findIndex((flight) => flight.id === id));
  const word = (value: string): string => `${numberCode(value.length)}${value}`;
  switch (action.do) {
    case "deliver":
      return `d${place(action.id)}`;
    case "duplicate":
      return `u${place(action.id)}`;
    case "lose":
      return `l${place(action.id)}`;
    case "timeout":
      return `t${processCode(action.at)}`;
    case "crash":
      return `x${processCode(action.at)}`;
    case "restart":
      return `${action.disk === "kept" ? "r" : "z"}${processCode(action.at)}`;
    case "suspect":
      return `s${processCode(action.at)}${processCode(action.of)}`;
    case "heal":
      return "h";
    case "cut":
      return `k${action.sides.map((side) => side.map(processCode).join("")).join("-")}.`;
    case "ask":
      return `a${processCode(action.client)}${processCode(action.to)}${word(action.value)}`;
    case "send":
      return `e${processCode(action.client)}${word(action.value)}${action.to.map(processCode).join("")}.`;
  }
}

/** Reads one action off the front; `length` is what it took. Throws an `Error` in words for what is none. */
export function decodeAction(world: World, text: string): { action: Action; length: number } {
  const reader = new Reader(text);
  const action = read(reader, world);
  return { action, length: reader.at };
}

function read(reader: Reader, world: World): Action {
  const kind = reader.sign();
  switch (kind) {
    case "d":
      return { do: "deliver", id: flightAt(world, reader.number()) };
    case "u":
      return { do: "duplicate", id: flightAt(world, reader.number()) };
    case "l":
      return { do: "lose", id: flightAt(world, reader.number()) };
    case "t":
      return { do: "timeout", at: reader.process() };
    case "x":
      return { do: "crash", at: reader.process() };
    case "r":
    case "z":
      return { do: "restart", at: reader.process(), disk: kind === "r" ? "kept" : "lost" };
    case "s":
      return { do: "suspect", at: reader.process(), of: reader.process() };
    case "h":
      return { do: "heal" };
    case "k":
      return { do: "cut", sides: reader.until(".").split("-").map(processes) };
    case "a":
      return { do: "ask", client: reader.process(), to: reader.process(), value: reader.word() };
    case "e":
      return { do: "send", client: reader.process(), value: reader.word(), to: processes(reader.until(".")) };
  }
  throw new Error(`"${kind}" is no step`);
}

function flightAt(world: World, place: number): number {
  const flight = world.flights[place];
  if (flight === undefined) throw new Error(`there is no message number ${place}`);
  return flight.id;
}

function processes(codes: string): ProcessId[] {
  return Array.from(codes, processOf);
}

function processOf(code: string): ProcessId {
  const index = DIGITS.indexOf(code);
  if (code === "" || index < 1 || index > 18) throw new Error(`"${code}" is no process`);
  return index < 10 ? `S${index}` : `C${index - 9}`;
}

class Reader {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  sign(): string {
    return this.#text[this.at++] ?? "";
  }

  number(): number {
    const sign = this.sign();
    if (sign === "_") return this.#digit(this.sign()) * DIGITS.length + this.#digit(this.sign());
    return this.#digit(sign);
  }

  process(): ProcessId {
    return processOf(this.sign());
  }

  word(): string {
    const length = this.number();
    const word = this.#text.slice(this.at, this.at + length);
    if (!/^[\w-]+$/.test(word) || word.length !== length) throw new Error("a command has no name");
    this.at += length;
    return word;
  }

  until(end: string): string {
    const stop = this.#text.indexOf(end, this.at);
    if (stop < 0) throw new Error("it ends in the middle of a step");
    const part = this.#text.slice(this.at, stop);
    this.at = stop + end.length;
    return part;
  }

  #digit(sign: string): number {
    const digit = sign === "" ? -1 : DIGITS.indexOf(sign);
    if (digit < 0) throw new Error("it ends in the middle of a step");
    return digit;
  }
}
