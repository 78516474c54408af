import { checkConnect } from "./checks.js";
import { type Client, RemoteClient } from "./client.js";
import type { ConnectOptions } from "./options.js";

export type { AdminOptions, ClientAdmin } from "./admin.js";
export type { Client } from "./client.js";
export type { ClientLimits } from "./context.js";
export type { ClientEvent } from "./events.js";
export type { ClientTlsMaterial, ConnectOptions } from "./options.js";
export type { RemoteNodeStatus, RemotePeerStatus } from "./protocol/admin-results.js";
export type { RemoteSnapshot } from "./remote-snapshot.js";
export type { Role } from "./protocol/handshake.js";
export type { ClientStatus, ServerStatus } from "./status.js";

/**
 * Connects to a cluster. Settles as soon as one server accepts this client.
 * @throws SynodError `WrongCluster`, `VersionUnsupported`, `Unauthorized`, `CertificateRefused` or `Busy` as a server said; `NoServer`
 * if none was reached within `limits.timeoutMs`; `InvalidArgument`.
 */
export async function connect<Command, Query, Result, Answer = Result>(
  options: ConnectOptions<Command, Query, Result, Answer>,
): Promise<Client<Command, Query, Result, Answer>> {
  checkConnect(options);
  const client = new RemoteClient(options);
  await client.connect();
  return client;
}
