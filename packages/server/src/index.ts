import { checkServeNames } from "./options.js";
import { NodeServer } from "./server.js";
import type { ServedNode, ServeOptions, Server } from "./types.js";

export type {
  CertificateRole,
  ClientToken,
  CloseServerOptions,
  ServedNode,
  ServeOptions,
  Server,
  ServerLimits,
  ServerStatus,
  ServerTlsMaterial,
} from "./types.js";

/**
 * Lets clients of @synod/client in to a node. Settles when it listens.
 * @throws SynodError `AddressInUse`, `InvalidArgument`.
 */
export async function serve<Query, Answer>(
  node: ServedNode<Query, Answer>,
  options: ServeOptions<Query, Answer>,
): Promise<Server> {
  checkServeNames(options);
  const server = new NodeServer(node, options);
  await server.start();
  return server;
}
