import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { type MutualTlsMaterial, nodeUri, tlsFiles } from "@synod/transport-tcp";
import { certificateNames } from "@synod/transport-tcp/framing";
import { CliError } from "./exit-codes.js";
import type { Given } from "./given.js";

/** For a node: all three files, which are read again when they change; undefined if none is given. @throws CliError */
export function nodeTls(given: Given): (() => MutualTlsMaterial) | undefined {
  const [ca, cert, key] = [given.get("tlsCa"), given.get("tlsCert"), given.get("tlsKey")];
  if (ca === undefined && cert === undefined && key === undefined) return undefined;
  if (ca === undefined || cert === undefined || key === undefined) {
    throw new CliError("usage", "TLS needs all of tlsCa, tlsCert and tlsKey: nodes prove who they are to each other");
  }
  const files = readable(() => tlsFiles({ ca, cert, key }));
  checkUsable(files(), given);
  return files;
}

interface ClientTls {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** For a client: who is trusted, and its own certificate. @throws CliError */
export function clientTls(given: Given): ClientTls | undefined {
  const [ca, cert, key] = [given.get("tlsCa"), given.get("tlsCert"), given.get("tlsKey")];
  if (ca === undefined && cert === undefined && key === undefined) return undefined;
  if (ca === undefined) throw new CliError("usage", "tlsCa is missing: who is trusted is never guessed");
  if ((cert === undefined) !== (key === undefined)) throw new CliError("usage", "tlsCert and tlsKey belong together");
  const material = readable(() => ({
    ca: readFileSync(ca),
    ...(cert === undefined || key === undefined ? {} : { cert: readFileSync(cert), key: readFileSync(key) }),
  }));
  checkUsable(material, given);
  return material;
}

/** Files that cannot be used are no matter of the other side, and do not get better by trying again. @throws CliError */
function checkUsable({ ca, cert, key }: MutualTlsMaterial | ClientTls, given: Given): void {
  const part = (pem: string | Uint8Array | undefined): string | undefined => pem && Buffer.from(pem).toString();
  const own = { cert: part(cert), key: part(key) };
  const trusted = part(ca) ?? "";
  usable(`--tls-ca ${given.get("tlsCa")}`, { ca: trusted });
  // OpenSSL takes a file without one, and then trusts nobody: that would be said of the certificate of the other side.
  if (!trusted.includes("-----BEGIN") || !isCertificate(trusted))
    throw new CliError("usage", `--tls-ca ${given.get("tlsCa")} cannot be used: there is no certificate in it`);
  usable(`--tls-cert ${given.get("tlsCert")}`, { cert: own.cert });
  usable(`--tls-key ${given.get("tlsKey")}`, { key: own.key });
  usable(`--tls-cert ${given.get("tlsCert")} with --tls-key ${given.get("tlsKey")}`, own);
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

function usable(what: string, options: SecureContextOptions): void {
  try {
    createSecureContext(options);
  } catch (cause) {
    // The text of OpenSSL itself names lines of its source.
    const { code, reason, message } = cause as NodeJS.ErrnoException & { readonly reason?: string };
    const why =
      code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH" ? "this is not the key of the certificate" : (reason ?? message);
    throw new CliError("usage", `${what} cannot be used: ${why}`, { cause });
  }
}

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new CliError("usage", `TLS: ${(cause as Error).message}`, { cause });
  }
}

/** All of them: a file of authorities has several while one takes the place of another. @throws for a file without any */
export function certificatesIn(pem: string): X509Certificate[] {
  const parts = pem.match(/-----BEGIN ([A-Z0-9 ]*CERTIFICATE)-----[^-]*-----END \1-----/g) ?? [pem];
  return parts.map((part) => new X509Certificate(part));
}

/** The names in a certificate, for people. */
export const namesText = ({ subjectAltName }: X509Certificate): string =>
  certificateNames(subjectAltName).names.join(", ") || "nobody by name";

/** Why peers and clients would take nobody with this certificate for this node; null if they take it. */
export function foreignNames(certificate: X509Certificate, cluster: string, id: number): string | null {
  if (certificateNames(certificate.subjectAltName).isNode(cluster, id)) return null;
  const wanted = `node ${id} of cluster ${cluster} needs one with the URI ${nodeUri(cluster, id)}, or the others refuse it`;
  return `is for ${namesText(certificate)}: ${wanted}`;
}

/** @throws CliError for a certificate of somebody else, with which the node would run and be refused by all others */
export function checkNodeCertificate({ cert }: MutualTlsMaterial, cluster: string, id: number): void {
  const foreign = readable(() => foreignNames(new X509Certificate(cert), cluster, id));
  if (foreign !== null) throw new CliError("usage", `--tls-cert ${foreign}`);
}
