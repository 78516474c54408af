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
import { SynodError } from "@synod/interface";
import { CliError } from "./exit-codes.js";
import type { Given } from "./given.js";
import { makeOutput } from "./output.js";
import type { SettingName } from "./settings.js";
import { clientTls } from "./tls.js";
import { inFlags, noteSilence, Waiting } from "./waiting.js";

type CoordinationClient = Client<CoordinationCommand, CoordinationQuery, CoordinationResult, CoordinationAnswer>;

/** What every command that talks to a cluster can be given. */
export const REMOTE_SETTINGS: readonly SettingName[] = [
  ...(["cluster", "servers", "token", "tokenFile", "timeout"] as const),
  ...(["tlsCa", "tlsCert", "tlsKey"] as const),
];

const SERVERS = ["127.0.0.1:7101"];
const TIMEOUT_MS = 10_000;

export interface Remote {
  readonly client: CoordinationClient;
  readonly coordination: Coordination;
  readonly servers: readonly string[];
  readonly timeoutMs: number;
  /** Whether whoever looks on was told that the cluster answers nobody. */
  readonly silenceTold: () => boolean;
}

/**
 * Connects, works, and takes leave, whatever comes of the work. Says what it waits for where that takes long: a server, or a leader, unless
 * the work needs none. The signal ends the search for a server; what comes then is up to the work.
 * @throws SynodError of `connect`, and what the work throws
 */
export async function withCluster<T>(
  given: Given,
  work: (remote: Remote) => Promise<T>,
  { needsLeader = true, signal }: { readonly needsLeader?: boolean; readonly signal?: AbortSignal } = {},
): Promise<T> {
  const cluster = given.need("cluster");
  const timeoutMs = given.get("timeout") ?? TIMEOUT_MS;
  const servers = given.get("servers") ?? SERVERS;
  const token = tokenOf(given);
  const tls = clientTls(given);
  const output = makeOutput(given);
  const waiting = new Waiting(output, timeoutMs);
  await using client = await connect({
    cluster,
    servers,
    ...coordinationCodecs(),
    ...(token === undefined ? {} : { token }),
    ...(tls === undefined ? {} : { tls }),
    ...(signal === undefined ? {} : { signal }),
    name: "synod",
    logger: { debug: nothing, info: nothing, warn: (text, fields) => waiting.heard(text, fields), error: nothing },
    limits: { timeoutMs },
  })
    .catch((cause: unknown) => {
      throw explained(cause, given);
    })
    .finally(() => waiting.end());
  await using session = coordination(client);
  const silence = needsLeader ? noteSilence(client, output) : null;
  try {
    return await work({
      client,
      coordination: session,
      servers,
      timeoutMs,
      silenceTold: () => silence?.told === true,
    });
  } finally {
    silence?.end();
  }
}

const nothing = (): void => {};

/** What whoever types a command can do about it. */
export function explained(cause: unknown, given: Given): unknown {
  if (!(cause instanceof SynodError)) return cause;
  const { code, details } = cause;
  const hints = [
    ...(code === "WrongCluster" ? ["Give another --cluster, or other --servers."] : []),
    ...(given.get("servers") === undefined
      ? [`Neither --servers nor SYNOD_SERVERS was given: ${SERVERS[0]} was tried.`]
      : []),
  ];
  const said = inFlags(cause.message);
  const sentence = hints.length === 0 || said.endsWith(".") ? said : `${said}.`;
  const text = [sentence, ...hints].join(" ");
  return text === cause.message ? cause : new SynodError(code, text, { cause, details });
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
