import {
  checkNames,
  type Clock,
  type Codec,
  type Logger,
  type Metrics,
  optionNames,
  quietLogger,
  quietMetrics,
  type Random,
  SynodError,
} from "@synod/interface";
import { systemClock, systemRandom } from "@synod/interface/host";
import {
  type Address,
  normalAddress,
  Notices,
  parseAddress,
  type Tls,
  type TlsMaterial,
} from "@synod/transport-tcp/framing";
import type { ClientLimits, Context } from "./context.js";

export interface ClientTlsMaterial extends TlsMaterial {
  readonly ca: string | Uint8Array;
}

export interface ConnectOptions<Command, Query, Result, Answer = Result> {
  /** Id of the cluster: servers of another one are refused. */
  readonly cluster: string;
  /** Where servers of the cluster take clients, `host:port`. List all of them: there is no discovery. */
  readonly servers: readonly string[];
  /** As the nodes have them. */
  readonly commandCodec: Codec<Command>;
  readonly resultCodec: Codec<Result>;
  /** As the servers have them. */
  readonly queryCodec: Codec<Query>;
  readonly answerCodec: Codec<Answer>;
  /** Without `tls` it goes over the network as it is: `process.emitWarning` or the logger says so, with the code `SYNOD_PLAIN_TOKEN`, where that is not this machine. */
  readonly token?: string;
  /**
   * TLS: only servers whose certificate names a node of the cluster, signed by `ca`, are trusted. `key` and `cert` are shown to servers that
   * want certificates of clients. A function is asked by `connect` and for every new connection.
   */
  readonly tls?: Tls<ClientTlsMaterial>;
  /** For the logs of the servers. */
  readonly name?: string;
  readonly limits?: Partial<ClientLimits>;
  readonly clock?: Pick<Clock, "now" | "timer">;
  /** Jitter of waiting times. */
  readonly random?: Random;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  /** Gives up connecting. Once connected it means nothing. */
  readonly signal?: AbortSignal;
}

const defaults: ClientLimits = {
  timeoutMs: 10_000,
  callsMax: 16_384,
  callBytesMax: 64 * 1024 * 1024,
  frameBytesMax: 16 * 1024 * 1024,
  handshakeTimeoutMs: 5_000,
  idleTimeoutMs: 5_000,
  reconnectMinMs: 50,
  reconnectMaxMs: 2_000,
  keepAliveMs: 120_000,
};

export const limitNames: readonly string[] = optionNames(defaults, "limits.");

/** Longest delay that timers of the host can hold. */
const timerMaxMs = 2 ** 31 - 1;

/** @throws SynodError `InvalidArgument`. */
function limitsOf(given: Partial<ClientLimits> = {}): ClientLimits {
  checkNames((name) => `limits.${name} is not a known limit`, given, limitNames);
  const limits = { ...defaults, ...given };
  for (const [name, value] of Object.entries(limits) as [string, unknown][]) {
    const most = name.endsWith("Ms") ? timerMaxMs : Number.MAX_SAFE_INTEGER;
    if (typeof value !== "number" || !(value > 0 && value <= most)) {
      throw invalid(`limits.${name} must be a positive number up to ${most}, not ${String(value)}`);
    }
  }
  if (limits.reconnectMaxMs < limits.reconnectMinMs) throw invalid("limits.reconnectMaxMs is below reconnectMinMs");
  return limits;
}

/** @throws SynodError `InvalidArgument`. */
export function addressesOf(servers: readonly string[]): Address[] {
  if (servers.length === 0) throw invalid("servers is empty: name at least one, host:port");
  return [...new Set(servers.map(normalAddress))].map(parseAddress);
}

export function contextOf(
  options: Omit<
    ConnectOptions<never, never, never, never>,
    "commandCodec" | "queryCodec" | "resultCodec" | "answerCodec"
  >,
): Context {
  const logger = quietLogger(options.logger);
  const { cluster, token = null, name = null } = options;
  if (cluster === "" || cluster.length > 255)
    throw invalid("cluster must be the id of the cluster, 1 to 255 characters");
  const remote = options.servers.find((server) => !isLoopback(parseAddress(server)));
  if (token !== null && options.tls === undefined && remote !== undefined) warnOfPlainToken(remote, options.logger);
  return {
    cluster,
    token,
    name,
    tls: options.tls,
    limits: limitsOf(options.limits),
    // Its timers keep the process alive, as its sockets do: otherwise a program could end in the middle of a call while no server is there.
    clock: options.clock ?? systemClock(),
    random: options.random ?? systemRandom(),
    logger,
    metrics: quietMetrics(options.metrics),
    notices: new Notices(logger),
  };
}

const isLoopback = ({ host }: Address): boolean => host === "localhost" || host === "::1" || host.startsWith("127.");

/** Stays as it is, whatever the text: programs go by it. */
const plainTokenCode = "SYNOD_PLAIN_TOKEN";

function warnOfPlainToken(server: string, logger: Logger | undefined): void {
  const text = `the token goes to ${server} without encryption: give tls, or be sure of the network`;
  if (logger === undefined) process.emitWarning(text, { code: plainTokenCode });
  else logger.warn(text, { code: plainTokenCode, server });
}

const invalid = (text: string): SynodError => new SynodError("InvalidArgument", text);
