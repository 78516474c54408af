/** What a holder tells whoever guards the resource. Times are of the clock that all processes of this machine share, in milliseconds. */
export type FromHolder =
  | { readonly kind: "granted"; readonly token: number; readonly askedMs: number; readonly grantedMs: number }
  /** The next message is a write; between the two it may stand still. */
  | { readonly kind: "armed" }
  /** At `heldMs` the lock still said that it is held. */
  | { readonly kind: "write"; readonly token: number; readonly heldMs: number }
  /** The same, guarded by a transaction of the cluster. */
  | { readonly kind: "stored"; readonly done: boolean };

export type ToHolder = { readonly kind: "answer"; readonly admitted: boolean } | { readonly kind: "end" };

export const LOCK = "guarded";
export const KEY = "guarded/token";

export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;
