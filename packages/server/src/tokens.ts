import { createHash, timingSafeEqual } from "node:crypto";
import { SynodError } from "@synod/interface";
import type { Role } from "@synod/client/protocol";
import type { CertificateRole, ClientToken } from "./types.js";

const invalid = (text: string): SynodError => new SynodError("InvalidArgument", text);

const digest = (token: string): Buffer => createHash("sha256").update(token).digest();

export interface AdmissionOptions {
  readonly tokens?: readonly ClientToken[];
  readonly certificateRoles?: readonly CertificateRole[];
  readonly anonymousRole?: Role;
  /** Clients prove by a certificate that the cluster knows them. */
  readonly wantsCertificates: boolean;
}

/** Says what a token or a certificate allows. How long it takes tells nothing of how much of a token was right. */
export class Admission {
  readonly #known: readonly { readonly digest: Buffer; readonly role: Role }[];
  readonly #named: readonly CertificateRole[];
  readonly #anonymous: Role | null;

  /** @throws SynodError `InvalidArgument` */
  constructor({ tokens = [], certificateRoles = [], anonymousRole, wantsCertificates }: AdmissionOptions) {
    for (const [i, { token, role }] of tokens.entries()) {
      checkText(`tokens[${i}].token`, token);
      checkRole(`tokens[${i}].role`, role);
    }
    for (const [i, { name, role }] of certificateRoles.entries()) {
      checkText(`certificateRoles[${i}].name`, name);
      checkRole(`certificateRoles[${i}].role`, role);
    }
    if (anonymousRole !== undefined) checkRole("anonymousRole", anonymousRole);
    if (certificateRoles.length > 0 && !wantsCertificates) {
      throw invalid("certificateRoles needs tls with ca: otherwise nobody shows a certificate");
    }
    const open = tokens.length + certificateRoles.length === 0;
    if (open && wantsCertificates && anonymousRole === undefined) {
      const text =
        "say what clients may do: tokens, certificateRoles, or anonymousRole for every certificate that ca has signed";
      throw invalid(text);
    }
    this.#known = tokens.map(({ token, role }) => ({ digest: digest(token), role }));
    this.#named = certificateRoles;
    this.#anonymous = anonymousRole ?? (open ? "admin" : null);
  }

  /** @param names - that the certificate of the client proves @throws SynodError `Unauthorized` */
  roleOf(token: string | null, names: readonly string[]): Role {
    if (token !== null && this.#known.length > 0) return this.#roleOfToken(token);
    let role: Role | null = null;
    for (const { name, role: named } of this.#named) {
      if (names.includes(name) && (role === null || allows(named, role))) role = named;
    }
    role ??= this.#anonymous;
    if (role !== null) return role;
    if (this.#known.length > 0) {
      throw new SynodError("Unauthorized", "This server wants a token: give the client the option `token`.");
    }
    throw new SynodError(
      "Unauthorized",
      `The certificate has none of the names that this server knows (${names.join(", ")}).`,
    );
  }

  #roleOfToken(token: string): Role {
    const given = digest(token);
    let role: Role | null = null;
    for (const known of this.#known) if (timingSafeEqual(known.digest, given)) role = known.role;
    if (role !== null) return role;
    throw new SynodError("Unauthorized", "This server does not know the token.");
  }
}

const ranks: Readonly<Record<Role, number>> = { read: 0, write: 1, admin: 2 };

// Types do not help who writes plain JavaScript, or reads tokens from a file. What was given is not told: it may be a secret.

function checkRole(what: string, role: unknown): void {
  if (typeof role === "string" && Object.hasOwn(ranks, role)) return;
  throw invalid(`${what} is "read", "write" or "admin"`);
}

function checkText(what: string, text: unknown): void {
  if (typeof text !== "string" || text === "") throw invalid(`${what} is a text that is not empty`);
}

export const allows = (role: Role, wanted: Role): boolean => ranks[role] >= ranks[wanted];
