import type { Server } from "node:net";
import { SynodError } from "@synod/interface";
import { type Address, formatAddress } from "./address.js";

/**
 * Settles with the address in use, port 0 replaced by the real one.
 * @throws SynodError `AddressInUse`, or `InvalidArgument` for any other address that cannot be listened on.
 */
export function listen(server: Server, { host, port }: Address): Promise<Address> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(listenError({ host, port }, error));
    server.once("error", onError);
    server.listen({ host, port }, () => {
      server.off("error", onError);
      const bound = server.address();
      // Never a string: that would be a pipe. Null if it was closed at once.
      resolve(bound && typeof bound === "object" ? { host, port: bound.port } : { host, port });
    });
  });
}

function listenError(address: Address, cause: NodeJS.ErrnoException): SynodError {
  const text = formatAddress(address);
  const { code } = cause;
  const options = { cause, details: { address: text, code } };
  if (code === "EADDRINUSE") {
    return new SynodError(
      "AddressInUse",
      `Another process listens on ${text}: end it, or choose another port.`,
      options,
    );
  }
  const reasons: Record<string, string> = {
    EACCES: "this user may not use the port",
    EADDRNOTAVAIL: "this machine has no such address",
    ENOTFOUND: "the host name is not known",
    EAI_AGAIN: "the host name could not be looked up now",
  };
  const reason = reasons[code ?? ""] ?? cause.message;
  return new SynodError("InvalidArgument", `Cannot listen on ${text}: ${reason}.`, options);
}

/** Settles when the port is free again; also for a server that never listened. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((done) => {
    if (server.listening) server.close(() => done());
    else done();
  });
}
