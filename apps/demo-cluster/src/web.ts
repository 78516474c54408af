import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Outcome } from "./execute.js";
import { broken, codeOf, usage } from "./failure.js";
import type { Told } from "./story.js";
import type { ClusterView, FeedLine, PageMessage, Sample } from "./view.js";

/** What the page shows and can do. */
export interface PageSource {
  view(): ClusterView;
  readonly samples: () => readonly Sample[];
  /** Calls back at each new sample until the returned function is called. */
  readonly onSample: (listener: (sample: Sample) => void) => () => void;
  readonly feed: { readonly lines: readonly FeedLine[]; onLine(listener: (line: FeedLine) => void): () => void };
  readonly story: { readonly lines: readonly Told[]; onTold(listener: (told: Told) => void): () => void };
  readonly execute: (line: string) => Promise<Outcome>;
  /** The last messages, as a trace file. */
  readonly trace: () => Promise<string>;
}

export interface Page {
  readonly address: string;
  readonly close: () => Promise<void>;
}

const FILES: ReadonlyMap<string, { readonly file: string; readonly type: string }> = new Map([
  ["/", { file: "index.html", type: "text/html; charset=utf-8" }],
  ["/page.js", { file: "page.js", type: "text/javascript; charset=utf-8" }],
  ["/page.css", { file: "page.css", type: "text/css; charset=utf-8" }],
]);

/** The playground as it is built: one file with a policy of its own. */
const LECTURE = fileURLToPath(new URL("../../playground/dist/index.html", import.meta.url));

const SAFE = {
  "cache-control": "no-store",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

const HEADERS = {
  ...SAFE,
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

const BODY_BYTES_MAX = 8 * 1024;
const STREAMS_MAX = 16;
/** A reader that takes nothing for so long that this much waits is let go; its browser comes back by itself. */
const STREAM_BYTES_MAX = 1024 * 1024;

/**
 * Serves the page on 127.0.0.1.
 * @param port - 0 for any free one
 * @throws Failure if the port is taken
 */
export async function servePage(
  source: PageSource,
  port: number,
  folder: string = fileURLToPath(new URL("./page/", import.meta.url)),
  lecture: string = LECTURE,
): Promise<Page> {
  const streams = new Streams(source, existsSync(lecture));
  const server = createServer((request, response) => {
    answer({ request, response, source, streams, folder, lecture }).catch(() => response.destroy());
  });
  await listening(server, port);
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address,
    close: () => {
      streams.close();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      if (codeOf(cause) === "EADDRINUSE") reject(usage(`port ${port} on 127.0.0.1 is in use: choose another --port`));
      else if (codeOf(cause) === "EACCES")
        reject(usage(`port ${port} is not allowed to this user: choose another --port`));
      else reject(broken(`the page cannot be served: ${cause.message}`));
    });
    server.listen(port, "127.0.0.1", resolve);
  });
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly source: PageSource;
  readonly streams: Streams;
  readonly folder: string;
  readonly lecture: string;
}

async function answer(exchange: Exchange): Promise<void> {
  const { request, response, source, streams, folder, lecture } = exchange;
  const [path = ""] = (request.url ?? "").split("?");
  if (!isLocal(request)) return end(response, 403, "This page is only for its own machine.");
  const file = FILES.get(path);
  if (request.method === "POST" && path === "/command") return command(exchange);
  if (request.method !== "GET") return end(response, 405, "Not allowed.");
  if (path === "/events") return streams.add(response);
  if (path === "/trace.json") return json(response, await source.trace());
  if (path === "/lecture" && existsSync(lecture)) {
    response.writeHead(200, { ...SAFE, "content-type": "text/html; charset=utf-8" }).end(await readFile(lecture));
    return;
  }
  if (file === undefined) return end(response, 404, "There is no such page.");
  const body = await readFile(folder + file.file);
  response.writeHead(200, { ...HEADERS, "content-type": file.type }).end(body);
}

/**
 * Another site's script could make a browser send requests here: by its own name for this address (then Host differs), or
 * straight (then Origin differs).
 */
function isLocal(request: IncomingMessage): boolean {
  const { host, origin } = request.headers;
  const { localPort } = request.socket;
  const hosts = [`127.0.0.1:${localPort}`, `localhost:${localPort}`];
  if (host === undefined || !hosts.includes(host)) return false;
  return origin === undefined || origin === `http://${host}`;
}

function end(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { ...HEADERS, "content-type": "text/plain; charset=utf-8" }).end(`${text}\n`);
}

async function command({ request, response, source }: Exchange): Promise<void> {
  // A form of another site cannot send this type without asking first.
  if (request.headers["content-type"] !== "application/json") return end(response, 415, "Send application/json.");
  const body = await bodyOf(request);
  if (body === null) {
    response.setHeader("connection", "close");
    return end(response, 413, `A command has at most ${BODY_BYTES_MAX} bytes.`);
  }
  const line = lineOf(body);
  if (line === null) return end(response, 400, 'Send {"line": "put key value"}.');
  const outcome: Outcome = /^\s*quit\b/.test(line)
    ? { ok: false, lines: ["quit works in the terminal only"], quit: false }
    : await source.execute(line);
  json(response, JSON.stringify(outcome));
}

function json(response: ServerResponse, text: string): void {
  response.writeHead(200, { ...HEADERS, "content-type": "application/json" }).end(text);
}

async function bodyOf(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function lineOf(body: string): string | null {
  try {
    const value = JSON.parse(body) as { readonly line?: unknown } | null;
    return typeof value?.line === "string" ? value.line : null;
  } catch {
    return null;
  }
}

/** Everybody who watches, by server-sent events. */
class Streams {
  readonly #source: PageSource;
  readonly #lecture: boolean;
  readonly #open = new Set<ServerResponse>();
  readonly #stops: readonly (() => void)[];

  constructor(source: PageSource, lecture: boolean) {
    this.#source = source;
    this.#lecture = lecture;
    this.#stops = [
      source.onSample((sample) => {
        if (this.#open.size > 0) this.#send({ kind: "view", view: source.view(), sample });
      }),
      source.feed.onLine((line) => this.#send({ kind: "feed", line })),
      source.story.onTold((told) => this.#send({ kind: "told", told })),
    ];
  }

  add(response: ServerResponse): void {
    if (this.#open.size >= STREAMS_MAX) return end(response, 503, "Too many pages are open.");
    response.writeHead(200, { ...HEADERS, "content-type": "text/event-stream" });
    const { feed } = this.#source;
    const hello: PageMessage = {
      kind: "hello",
      view: this.#source.view(),
      feed: feed.lines,
      story: this.#source.story.lines,
      samples: this.#source.samples(),
      lecture: this.#lecture,
    };
    response.write(`retry: 1000\n\n${event(hello)}`);
    this.#open.add(response);
    response.on("close", () => this.#open.delete(response));
    response.on("error", () => this.#open.delete(response));
  }

  close(): void {
    for (const stop of this.#stops) stop();
    for (const response of this.#open) response.end();
  }

  #send(message: PageMessage): void {
    const text = event(message);
    for (const response of this.#open) {
      if (response.writableLength > STREAM_BYTES_MAX) response.destroy();
      else response.write(text);
    }
  }
}

const event = (message: PageMessage): string => `data: ${JSON.stringify(message)}\n\n`;
