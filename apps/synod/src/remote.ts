import { readFileSync } from "node:fs";
import { type Client, connect } from "@synod/client";
import {
  type Coordination,
  type CoordinationAnswer,
  type CoordinationCommand,
  type CoordinationQuery,
  type CoordinationResult,
  coordination,
  coordinationCodecs,
} from "@synod/coordination";
import { type Fields, SynodError } from "@synod/interface";
import { CliError } from "./exit-codes.js";
import type { Given } from "./given.js";
import { makeOutput, type Output } from "./output.js";
import type { SettingName } from "./settings.js";
import { clientTls } from "./tls.js";

type CoordinationClient = Client<CoordinationCommand, CoordinationQuery, CoordinationResult, CoordinationAnswer>;

/** What every command that talks to a cluster can be given. */
export const REMOTE_SETTINGS: readonly SettingName[] = [
  ...(["cluster", "servers", "token", "tokenFile", "timeout"] as const),
  ...(["tlsCa", "tlsCert", "tlsKey"] as const),
];

const SERVERS = ["127.0.0.1:7101"];
const TIMEOUT_MS = 10_000;
const NOTE_AFTER_MS = 1_500;

export interface Remote {
  readonly client: CoordinationClient;
  readonly coordination: Coordination;
  readonly servers: readonly string[];
  readonly timeoutMs: number;
}

/** Connects, works, and takes leave, whatever comes of the work. @throws SynodError of `connect`, and what the work throws */
export async function withCluster<T>(
  given: Given,
  work: (remote: Remote) => Promise<T>,
  cluster: string = given.need("cluster"),
): Promise<T> {
  const timeoutMs = given.get("timeout") ?? TIMEOUT_MS;
  const servers = given.get("servers") ?? SERVERS;
  const token = tokenOf(given);
  const tls = clientTls(given);
  const waiting = new Waiting(makeOutput(given), timeoutMs);
  await using client = await connect({
    cluster,
    servers,
    ...coordinationCodecs(),
    ...(token === undefined ? {} : { token }),
    ...(tls === undefined ? {} : { tls }),
    name: "synod",
    logger: { debug: nothing, info: nothing, warn: (text, fields) => waiting.heard(text, fields), error: nothing },
    limits: { timeoutMs },
  })
    .catch((cause: unknown) => {
      throw explained(cause, given);
    })
    .finally(() => waiting.end());
  await using session = coordination(client);
  return await work({ client, coordination: session, servers, timeoutMs });
}

const nothing = (): void => {};

/** What whoever types a command can do about it. */
function explained(cause: unknown, given: Given): unknown {
  if (!(cause instanceof SynodError)) return cause;
  const { code, details } = cause;
  const hints = [
    ...(code === "WrongCluster" ? ["Give another --cluster, or other --servers."] : []),
    ...(given.get("servers") === undefined
      ? [`Neither --servers nor SYNOD_SERVERS was given: ${SERVERS[0]} was tried.`]
      : []),
  ];
  const text = [inFlags(cause.message), ...hints].join(" ");
  return text === cause.message ? cause : new SynodError(code, text, { cause, details });
}

const OPTIONS: readonly (readonly [option: string, flags: string])[] = [
  ["give the client the option `tls`", "give --tls-ca, and --tls-cert and --tls-key where it wants a certificate"],
  ["give the client the option `token`", "give --token-file"],
];

/** What client and server say of options of the library, in flags of this program. */
export const inFlags = (text: string): string =>
  OPTIONS.reduce((said, [option, flags]) => said.replaceAll(option, flags), text);

/** Servers that cannot be reached are tried again until the time is up: whoever looks on is told so before. */
class Waiting {
  readonly #reasons = new Map<string, string>();
  readonly #output: Output;
  readonly #timer: NodeJS.Timeout;

  constructor(output: Output, timeoutMs: number) {
    this.#output = output;
    this.#timer = setTimeout(() => {
      const reasons = [...this.#reasons].map(([server, reason]) => `${server}: ${reason}`).join("; ");
      const seconds = timeoutMs / 1000;
      output.note(`note: no server yet (${reasons || "none answers"}); trying for ${seconds} s in all (--timeout)`);
    }, NOTE_AFTER_MS);
  }

  /** Of all that a client logs, this is for whoever types a command; the rest is in its errors. */
  heard(text: string, { code, server, reason }: Fields = {}): void {
    if (code === "SYNOD_PLAIN_TOKEN") this.#output.note(`note: ${text}`);
    else if (typeof reason === "string") this.#reasons.set(String(server), inFlags(reason));
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

function tokenOf(given: Given): string | undefined {
  const file = given.get("tokenFile");
  if (file === undefined) return given.get("token");
  try {
    const token = readFileSync(file, "utf8").trim();
    if (token === "") throw new Error(`${file} is empty`);
    return token;
  } catch (cause) {
    throw new CliError("usage", `tokenFile: ${(cause as Error).message}`, { cause });
  }
}
