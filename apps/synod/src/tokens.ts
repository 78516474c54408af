import { readFileSync } from "node:fs";
import type { CertificateRole, ClientToken } from "@synod/server";
import * as v from "valibot";
import { parseYaml } from "./config-file.js";
import { CliError } from "./exit-codes.js";
import { complaints, oneOf, text } from "./values.js";

const role = oneOf("read", "write", "admin");
const schema = v.array(
  v.pipe(
    v.strictObject({ token: v.optional(text), certificate: v.optional(text), role }),
    v.check(
      ({ token, certificate }) => (token === undefined) !== (certificate === undefined),
      "expected either a token or a certificate",
    ),
  ),
  "expected a list of { token, role } and { certificate, role }",
);

/** Who may connect, and what for. */
export interface Clients {
  readonly tokens: readonly ClientToken[];
  readonly certificateRoles: readonly CertificateRole[];
}

/** @throws CliError that names the place, and never the token */
export function readTokens(path: string): Clients {
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (cause) {
    throw new CliError("usage", `tokensFile: ${(cause as Error).message}`, { cause });
  }
  const parsed = v.safeParse(schema, parseYaml(content, path));
  if (!parsed.success) {
    const places = complaints(parsed.issues, path).map(discreet);
    throw new CliError("usage", places.join("\n"));
  }
  if (parsed.output.length === 0) throw new CliError("usage", `${path}: expected at least one { token, role }`);
  const tokens: ClientToken[] = [];
  const certificateRoles: CertificateRole[] = [];
  for (const { token, certificate, role: given } of parsed.output) {
    if (token !== undefined) tokens.push({ token, role: given });
    if (certificate !== undefined) certificateRoles.push({ name: certificate, role: given });
  }
  return { tokens, certificateRoles };
}

const ROLE_SHOWN = 8;

/** What was found: of a role the word, if it is a short one. Anything else may be a token in the wrong place. */
const discreet = (complaint: string): string =>
  complaint.replace(/, found (.*)$/s, (found: string, value: string) => {
    if (/^(nothing|an? )/.test(value)) return found;
    return /\.role: expected/.test(complaint) && value.length <= ROLE_SHOWN + 2 ? found : ", found something else";
  });
