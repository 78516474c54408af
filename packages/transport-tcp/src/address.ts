import { SynodError } from "@synod/interface";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `host:port`, an IPv6 host in brackets (`[::1]:7000`). Port 0 stands for any free one.
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
  return { host, port };
}

/** The inverse of `parseAddress`. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
