import { SynodError } from "@synod/interface";
import { invalid } from "./checks.js";

/** Guards a resource in this process. */
export interface FencedResource {
  /** The greatest token so far; 0: none. */
  readonly highest: number;
  /** Lets the holder of a token in, and from then on nobody with an older one. @throws SynodError `LeaseLost` */
  admit(fencingToken: number): void;
}

/** Guards a resource whose greatest token is kept elsewhere: in a row of a database, the metadata of a file. */
export interface FencedStore {
  /** Settles when the token is the greatest one in the store. @throws SynodError `LeaseLost`, and what the store throws */
  admit(fencingToken: number): Promise<void>;
}

export interface TokenStore {
  /** The greatest token so far; 0: none. */
  read(): Promise<number>;
  /** Writes `token` if `expected` still stands there. @returns whether it did */
  compareAndSet(expected: number, token: number): Promise<boolean>;
}

/**
 * Refuses whoever held a lock before the last one that was let in. Without a store it knows what came through this process: put it where the
 * resource is. With a store, the write itself should be in the same transaction as the token.
 */
export function fencedResource(): FencedResource;
export function fencedResource(store: TokenStore): FencedStore;
export function fencedResource(store?: TokenStore): FencedResource | FencedStore {
  if (store === undefined) return new InMemory();
  if (typeof store?.read === "function" && typeof store.compareAndSet === "function") return new InStore(store);
  throw invalid("A store of tokens is an object with the functions read and compareAndSet.");
}

class InMemory implements FencedResource {
  #highest = 0;

  get highest(): number {
    return this.#highest;
  }

  admit(fencingToken: number): void {
    checkToken(fencingToken, this.#highest);
    this.#highest = fencingToken;
  }
}

class InStore implements FencedStore {
  readonly #store: TokenStore;

  constructor(store: TokenStore) {
    this.#store = store;
  }

  async admit(fencingToken: number): Promise<void> {
    for (;;) {
      const highest = await this.#store.read();
      checkToken(fencingToken, highest);
      // Others only make it greater, so that this comes to an end.
      if (highest === fencingToken || (await this.#store.compareAndSet(highest, fencingToken))) return;
    }
  }
}

function checkToken(token: number, highest: number): void {
  if (!Number.isSafeInteger(token) || token < 1) {
    throw new SynodError("InvalidArgument", `A fencing token is a positive integer, not ${String(token)}.`);
  }
  if (token >= highest) return;
  throw new SynodError("LeaseLost", `Token ${token} is refused: somebody with token ${highest} was here after it.`, {
    details: { token, highest },
  });
}
