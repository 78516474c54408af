import { SynodError } from "@synod/interface";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** @throws SynodError `InvalidArgument` unless it is `host:port`, or `[host]:port` for IPv6 */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw new SynodError("InvalidArgument", `"${text}" is no address: write host:port, or [host]:port for IPv6`);
  }
  return { host, port };
}

export const formatAddress = ({ host, port }: Address): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
