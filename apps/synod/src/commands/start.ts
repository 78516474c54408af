import { setFlagsFromString } from "node:v8";
import type { Logger } from "@synod/interface";
import type { Command } from "commander";
import { EXIT_CODES, endWith, exitOf } from "../exit-codes.js";
import { Given } from "../given.js";
import { type HttpServer, httpServer } from "../http-server.js";
import { makeLogger } from "../logger.js";
import { makeOutput } from "../output.js";
import { withSettings } from "../settings.js";
import { holderOf, isComplete } from "../store.js";
import { readTokens } from "../tokens.js";
import { nodeTls } from "../tls.js";
import { CLOSING_MS, pause, SHUTDOWN_MS } from "../times.js";
import { VERSION } from "../version.js";

const CLIENT_LISTEN = "127.0.0.1:7101";
const HTTP_LISTEN = "127.0.0.1:7102";
const LOOK_AGAIN_MS = 500;
/** From when the node runs. */
const COMPILE_SOONER_MS = 2_000;

export function addStart(program: Command): void {
  const command = program
    .command("start")
    .summary("run a node")
    .description(
      "Runs the node that the data directory was formatted for. SIGTERM and SIGINT: hands the leadership over, lets calls under way end, " +
        "closes; a second signal ends it at once. Starting never formats.",
    )
    .option("--witness", "this member is a witness: it votes, never leads, keeps no keys, and lets no clients in")
    .option("--wait-for-init", "while the directory is not formatted, wait for `synod init` instead of ending with 7");
  withSettings(command, [
    ...(["dataDir", "cluster", "id", "address", "contacts", "listen", "clientListen", "httpListen"] as const),
    ...(["tokensFile", "tlsCa", "tlsCert", "tlsKey"] as const),
    ...(["electionTimeout", "priority", "snapshotLogBytes", "shutdownTimeout", "logFormat", "logLevel"] as const),
  ]).action(start);
}

async function start(flags: {
  readonly json?: boolean;
  readonly waitForInit?: boolean;
  readonly witness?: boolean;
}): Promise<void> {
  const given = new Given(flags, process.env);
  const output = makeOutput(flags);
  const logFormat = given.get("logFormat") ?? (output.json ? "json" : "text");
  const logger = makeLogger({ level: given.get("logLevel") ?? "info", format: logFormat });
  const directory = given.need("dataDir");
  const httpListen = given.get("httpListen") ?? HTTP_LISTEN;
  const shutdownTimeoutMs = given.get("shutdownTimeout") ?? SHUTDOWN_MS;
  const tokensFile = given.get("tokensFile");
  const known = tokensFile === undefined ? null : readTokens(tokensFile);
  const ended = endSignal(logger);
  if (flags.waitForInit === true && !(await isComplete(directory))) {
    if (!(await waitForInit(directory, httpListen, ended, logger))) return;
  }
  const { startDaemon } = await import("../daemon.js");
  const starting = startDaemon({
    directory,
    httpListen,
    clientListen: flags.witness === true ? "off" : (given.get("clientListen") ?? CLIENT_LISTEN),
    witness: flags.witness === true,
    known,
    tls: nodeTls(given),
    shutdownTimeoutMs,
    logger,
    cluster: given.get("cluster"),
    id: given.get("id"),
    address: given.get("address"),
    contacts: given.get("contacts"),
    listen: given.get("listen"),
    electionTimeoutMs: given.get("electionTimeout"),
    priority: given.get("priority"),
    snapshotLogBytes: given.get("snapshotLogBytes"),
  });
  const daemon = await Promise.race([starting, ended.signal]);
  if (daemon === null) {
    // Reading a store may take minutes and changes nothing that a crash would not leave whole: nothing is to be closed.
    logger.info("the node was stopped while its store was read");
    process.exit(0);
  }
  const { id, cluster, clients, http } = daemon;
  output.result(
    { event: "started", cluster, id, clients, http, version: VERSION },
    () =>
      `node ${id} of cluster ${cluster} runs; ${clients === null ? "no clients" : `clients at ${clients}`}, ${http === null ? "no HTTP" : `HTTP at ${http}`}`,
  );
  setTimeout(compileSooner, COMPILE_SOONER_MS).unref();
  const why = await Promise.race([ended.signal, daemon.stopped]);
  // Whatever hangs then: whoever ends this process waits for it.
  const limit = setTimeout(() => {
    logger.error("closing took too long", { limitMs: shutdownTimeoutMs + CLOSING_MS });
    process.exit(EXIT_CODES.failed.code);
  }, shutdownTimeoutMs + CLOSING_MS);
  limit.unref();
  await daemon.close();
  clearTimeout(limit);
  if (why instanceof Error) {
    endWith(exitOf(why));
    throw why;
  }
  logger.info("the node was closed in order", { cluster, node: id });
}

/**
 * This process does one thing for long: V8 compiles the code for it after a seventeenth of the usual wait, and the first thousands of
 * commands take half the time. Not while it starts and finds a leader: most of that code runs once. See docs/PERFORMANCE.md.
 */
function compileSooner(): void {
  setFlagsFromString("--interrupt-budget=4000");
}

interface EndSignal {
  readonly signal: Promise<null>;
  /** The same, for who waits more than once. */
  readonly came: AbortSignal;
}

/** The first signal asks; the second one does not. */
function endSignal(logger: Logger): EndSignal {
  const came = new AbortController();
  const signal = new Promise<null>((resolve) => {
    const numbers = { SIGINT: 2, SIGTERM: 15 } as const;
    for (const name of ["SIGINT", "SIGTERM"] as const) {
      process.on(name, () => {
        if (came.signal.aborted) process.exit(128 + numbers[name]);
        came.abort();
        logger.info("the node is asked to stop", { signal: name });
        resolve(null);
      });
    }
  });
  return { signal, came: came.signal };
}

/** False if it is asked to stop meanwhile. Alive all the while, and not ready. */
async function waitForInit(directory: string, httpListen: string, ended: EndSignal, logger: Logger): Promise<boolean> {
  const reason = `${directory} is not formatted: run \`synod init\` here, once in the life of this node`;
  const pages = {
    live: () => ({ ok: true, reason: "it waits for synod init" }),
    ready: () => ({ ok: false, reason }),
    status: () => ({ version: VERSION, ready: false, draining: false, node: null, reason }),
    digest: () => null,
    metrics: async () => ({ contentType: "text/plain", text: "" }),
  };
  const http: HttpServer | null = httpListen === "off" ? null : await httpServer(httpListen, pages);
  logger.warn(reason);
  try {
    // `synod init` has it open for a moment more.
    while (!(await isComplete(directory)) || (await holderOf(directory)) !== null) {
      // Not a race with `ended.signal`, which would keep something of each look: this may wait for weeks.
      await pause(LOOK_AGAIN_MS, ended.came);
      if (ended.came.aborted) return false;
    }
    return true;
  } finally {
    await http?.close();
  }
}
