import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { SynodError } from "@synod/interface";
import { splitAddress } from "./values.js";

/** What a probe is told. */
export interface Probe {
  readonly ok: boolean;
  readonly reason: string;
}

export interface HttpPages {
  /** Whether this process should go on: false makes whoever watches it start it anew. */
  live(): Probe;
  /** Whether clients should be sent here. */
  ready(): Probe;
  status(): unknown;
  /** Of the state that this node has; null while there is none. @throws SynodError `Busy` */
  digest(): { readonly applied: number; readonly digest: string } | null;
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
}

export interface HttpServer {
  /** `host:port` with the real port. */
  readonly address: string;
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 256;
/** Requests of one connection, whose answers are not written yet. */
const UNANSWERED_MAX = 8;

/** Every page by its path; deploy/ and docs/OPERATIONS.md name them. */
export const PATHS = ["/livez", "/readyz", "/metrics", "/status", "/digest"] as const;

/**
 * Probes, numbers and status for machines of one's own network: no secrets are in them, and nothing can be changed through them.
 * @throws SynodError `AddressInUse`, `InvalidArgument`
 */
export async function httpServer(listen: string, pages: HttpPages): Promise<HttpServer> {
  const mayAsk = fewAtATime();
  const server = createServer({ connectionsCheckingInterval: 1000 }, (request, response) => {
    if (!mayAsk(request.socket, response)) return;
    answer(request, response, pages).catch((cause: unknown) => {
      send(response, 500, "text/plain", `${cause instanceof Error ? cause.message : String(cause)}\n`);
    });
  });
  // A probe is short; whoever holds a connection open longer holds up the end of the process.
  server.requestTimeout = 5000;
  server.headersTimeout = 5000;
  server.keepAliveTimeout = 5000;
  makeRoom(server);
  const bound = await listenAt(server, listen);
  return {
    address: bound,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Where there are too many, the one that was opened first goes: those who hold connections open must not keep probes out. */
function makeRoom(server: Server): void {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    const [oldest] = open.size >= CONNECTIONS_MAX ? open : [];
    oldest?.destroy();
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
}

/**
 * Whoever sends many requests without waiting for the answers, perhaps without reading any, would have each page made and kept for it: thousands
 * of pages in one turn of the event loop, while the node says nothing to its peers. No probe does that, so its connection ends.
 */
function fewAtATime(): (socket: Socket, response: ServerResponse) => boolean {
  const open = new WeakMap<Socket, number>();
  return (socket, response) => {
    if (socket.destroyed) return false;
    const count = (open.get(socket) ?? 0) + 1;
    open.set(socket, count);
    if (count > UNANSWERED_MAX) {
      socket.destroy();
      return false;
    }
    response.once("close", () => open.set(socket, (open.get(socket) ?? 0) - 1));
    return true;
  };
}

function listenAt(server: Server, listen: string): Promise<string> {
  const { host, port } = splitAddress(listen) ?? { host: "", port: 0 };
  return new Promise((resolve, reject) => {
    const onError = (cause: NodeJS.ErrnoException): void => {
      const inUse = cause.code === "EADDRINUSE";
      const text = inUse
        ? `another process listens at ${listen} already: stop it or choose another --http-listen`
        : `cannot listen for HTTP at ${listen}: ${cause.message}`;
      reject(new SynodError(inUse ? "AddressInUse" : "InvalidArgument", text, { cause }));
    };
    server.once("error", onError);
    server.listen(port, host, () => {
      server.off("error", onError);
      // A connection that could not be taken, for want of descriptors, must not end the node: whoever made it tries again.
      server.on("error", () => {});
      const address = server.address();
      const bound = typeof address === "object" && address !== null ? address.port : port;
      resolve(host.includes(":") ? `[${host}]:${bound}` : `${host}:${bound}`);
    });
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, pages: HttpPages): Promise<void> {
  const path = (request.url ?? "/").replace(/\?.*/, "");
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return send(response, 405, "text/plain", "only GET\n");
  }
  switch (path) {
    case "/livez":
      return sendProbe(response, pages.live());
    case "/readyz":
      return sendProbe(response, pages.ready());
    case "/status":
      return send(response, 200, "application/json", `${JSON.stringify(pages.status())}\n`);
    case "/digest":
      return sendDigest(response, pages);
    case "/metrics": {
      const { contentType, text } = await pages.metrics();
      return send(response, 200, contentType, text);
    }
    default:
      return send(response, 404, "text/plain", `There is ${PATHS.join(", ")}.\n`);
  }
}

function sendDigest(response: ServerResponse, pages: HttpPages): void {
  try {
    const digest = pages.digest();
    if (digest !== null) return send(response, 200, "application/json", `${JSON.stringify(digest)}\n`);
    send(response, 503, "text/plain", "no: the store is being read\n");
  } catch (cause) {
    if (!(cause instanceof SynodError)) throw cause;
    send(response, 503, "text/plain", `no: ${cause.message}\n`);
  }
}

function sendProbe(response: ServerResponse, { ok, reason }: Probe): void {
  send(response, ok ? 200 : 503, "text/plain", `${ok ? "ok" : "no"}: ${reason}\n`);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  if (response.headersSent) return void response.end();
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
}
