import { readFileSync } from "node:fs";
import { type MutualTlsMaterial, tlsFiles } from "@synod/transport-tcp";
import { CliError } from "./exit-codes.js";
import type { Given } from "./given.js";

/** For a node: all three files, which are read again when they change; undefined if none is given. @throws CliError */
export function nodeTls(given: Given): (() => MutualTlsMaterial) | undefined {
  const [ca, cert, key] = [given.get("tlsCa"), given.get("tlsCert"), given.get("tlsKey")];
  if (ca === undefined && cert === undefined && key === undefined) return undefined;
  if (ca === undefined || cert === undefined || key === undefined) {
    throw new CliError("usage", "TLS needs all of tlsCa, tlsCert and tlsKey: nodes prove who they are to each other");
  }
  return readable(() => tlsFiles({ ca, cert, key }));
}

interface ClientTls {
  readonly ca: Uint8Array;
  readonly cert?: Uint8Array;
  readonly key?: Uint8Array;
}

/** For a client: who is trusted, and its own certificate. @throws CliError */
export function clientTls(given: Given): ClientTls | undefined {
  const [ca, cert, key] = [given.get("tlsCa"), given.get("tlsCert"), given.get("tlsKey")];
  if (ca === undefined && cert === undefined && key === undefined) return undefined;
  if (ca === undefined) throw new CliError("usage", "tlsCa is missing: who is trusted is never guessed");
  if ((cert === undefined) !== (key === undefined)) throw new CliError("usage", "tlsCert and tlsKey belong together");
  return readable(() => ({
    ca: readFileSync(ca),
    ...(cert === undefined || key === undefined ? {} : { cert: readFileSync(cert), key: readFileSync(key) }),
  }));
}

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new CliError("usage", `TLS: ${(cause as Error).message}`, { cause });
  }
}
