import { SynodError } from "@synod/interface";
import { fingerprint, WORDS } from "./fingerprints.js";
import type { Key } from "./model.js";

/** Remembers what a state looked like, to see that nobody changes it. */
export class Watch<State> {
  readonly #key: (state: State) => Key;
  readonly #before = new Uint32Array(WORDS);
  readonly #now = new Uint32Array(WORDS);

  constructor(key: (state: State) => Key) {
    this.#key = key;
  }

  remember(state: State): void {
    fingerprint(this.#key(state), this.#before);
  }

  /** @throws SynodError `InvalidArgument` if the state is another one than it was when it was remembered. */
  verify(state: State, suspect: "actions" | "next" | "check"): void {
    fingerprint(this.#key(state), this.#now);
    if (this.#now.every((word, index) => word === this.#before[index])) return;
    throw new SynodError(
      "InvalidArgument",
      `${suspect} changed the state it was given. Never mutate a state, nor a part of it: the search keeps them. Copy what changes.`,
    );
  }
}
