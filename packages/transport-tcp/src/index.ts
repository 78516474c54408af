import { settingsOf, type TcpTransport, type TcpTransportOptions } from "./options.js";
import { SocketTransport } from "./transport.js";

export type { TcpTransport, TcpTransportOptions } from "./options.js";
export { type MutualTlsMaterial, nodeUri, type Tls, tlsFiles, type TlsMaterial } from "./tls.js";
export type { TransportClock } from "./ports.js";

/**
 * Carries frames between replicas over TCP. One per node: it is started once and closed once.
 * @throws SynodError `InvalidArgument` for an option that is unknown or out of range.
 */
export function tcpTransport(options: TcpTransportOptions = {}): TcpTransport {
  return new SocketTransport(options, settingsOf(options));
}
