export type { TcpTransportOptions } from "./tcp/settings.js";
export { type TcpTransport, tcpTransport } from "./tcp/transport.js";
