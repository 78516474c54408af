import { createHash, timingSafeEqual } from "node:crypto";
import { SynodError } from "@synod/interface";
import type { Role } from "@synod/client/protocol";
import type { ClientToken } from "./types.js";

const digest = (token: string): Buffer => createHash("sha256").update(token).digest();

/** Says what a token allows. How long it takes tells nothing of how much of a token was right. */
export class Tokens {
  readonly #known: readonly { readonly digest: Buffer; readonly role: Role }[];
  readonly #anonymous: Role | null;

  constructor(tokens: readonly ClientToken[], anonymousRole: Role | undefined) {
    if (tokens.some(({ token }) => token === "")) throw new SynodError("InvalidArgument", "a token is empty");
    this.#known = tokens.map(({ token, role }) => ({ digest: digest(token), role }));
    this.#anonymous = anonymousRole ?? (tokens.length === 0 ? "admin" : null);
  }

  /** @throws SynodError `Unauthorized`. */
  roleOf(token: string | null): Role {
    if (token === null || this.#known.length === 0) {
      if (this.#anonymous !== null) return this.#anonymous;
      throw new SynodError("Unauthorized", "This server wants a token: give the client the option `token`.");
    }
    const given = digest(token);
    let role: Role | null = null;
    for (const known of this.#known) if (timingSafeEqual(known.digest, given)) role = known.role;
    if (role !== null) return role;
    throw new SynodError("Unauthorized", "This server does not know the token.");
  }
}

const ranks: Readonly<Record<Role, number>> = { read: 0, write: 1, admin: 2 };

export const allows = (role: Role, wanted: Role): boolean => ranks[role] >= ranks[wanted];
