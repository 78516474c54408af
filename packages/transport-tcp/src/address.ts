import { isIPv6, SocketAddress } from "node:net";
import { SynodError } from "@synod/interface";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `host:port`, an IPv6 host in brackets (`[::1]:7000`). Port 0 stands for any free one.
 * Equal addresses have equal parts, however they are written: the host in lower case, IPv6 as short as it can be.
 * @throws SynodError `InvalidArgument`.
 */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[^\]]+)?)\]|([\w.-]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw new SynodError(
      "InvalidArgument",
      `${JSON.stringify(text)} is no address. Write host:port, as in 10.0.0.1:7000, db.example:7000 or [::1]:7000.`,
    );
  }
  return { host: normalHost(host), port };
}

function normalHost(host: string): string {
  // The zone is the name of an interface, as the system has it.
  const [ip = "", ...zone] = host.split("%");
  if (!isIPv6(ip)) return host.toLowerCase();
  return [new SocketAddress({ address: ip, family: "ipv6" }).address, ...zone].join("%");
}

/** One text for all ways to write an address, to compare it by; what is none stays as it is. */
export function normalAddress(text: string): string {
  try {
    return formatAddress(parseAddress(text));
  } catch {
    return text;
  }
}

/** Of what `parseAddress` gave. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
