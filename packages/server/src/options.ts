import { checkCodec, checkTls, tlsNames } from "@synod/client/protocol";
import { checkNames, optionNames, SynodError } from "@synod/interface";
import type { CertificateRole, ClientToken, ServeOptions, ServerLimits } from "./types.js";

const defaults: ServerLimits = {
  connectionsMax: 10_000,
  frameBytesMax: 4 * 1024 * 1024 + 64 * 1024,
  requestsMax: 1_024,
  requestBytesMax: 16 * 1024 * 1024,
  inputBytesTotalMax: 256 * 1024 * 1024,
  watchesMax: 4_096,
  watchesTotalMax: 50_000,
  requestsPerSecondMax: 1_000_000,
  outputBytesMax: 64 * 1024 * 1024,
  outputBytesTotalMax: 512 * 1024 * 1024,
  outputStallMs: 10_000,
  handshakeTimeoutMs: 5_000,
  idleTimeoutMs: 30_000,
  leaderlessMs: 2_000,
};

const limitNames = optionNames(defaults, "limits.");

// As records, so that the compiler asks for a new option here, too.
const SERVE: Readonly<Record<keyof ServeOptions<unknown, unknown>, true>> = {
  cluster: true,
  listen: true,
  queryCodec: true,
  answerCodec: true,
  tokens: true,
  certificateRoles: true,
  anonymousRole: true,
  tls: true,
  storage: true,
  limits: true,
  logger: true,
  metrics: true,
  clock: true,
};

const TOKEN: Readonly<Record<keyof ClientToken, true>> = { token: true, role: true };
const CERTIFICATE_ROLE: Readonly<Record<keyof CertificateRole, true>> = { name: true, role: true };
const certificateRoleNames = optionNames(CERTIFICATE_ROLE, "certificateRoles.");

/**
 * Refuses what would be no option: without `tokens` whoever comes may do everything, without `tls` everything is sent in clear.
 * @throws SynodError `InvalidArgument`
 */
export function checkServeNames(
  options: Pick<ServeOptions<never, never>, "tokens" | "certificateRoles" | "tls"> & {
    readonly [codec in "queryCodec" | "answerCodec"]: unknown;
  } & { readonly commandCodec?: unknown; readonly resultCodec?: unknown },
): void {
  if (typeof options !== "object" || options === null)
    throw new SynodError("InvalidArgument", "serve takes a node and an object: { cluster, listen, ...codecs }");
  // The codecs of a state machine come as one object; two of them are for nodes and clients.
  const { commandCodec: _command, resultCodec: _result, ...own } = options;
  checkNames((name) => `serve has no option ${name}`, own, optionNames(SERVE), [...limitNames, ...tlsNames]);
  for (const name of ["queryCodec", "answerCodec"] as const) checkCodec(name, options[name]);
  checkTls(options.tls);
  for (const token of options.tokens ?? []) checkTokenNames(token);
  for (const role of options.certificateRoles ?? [])
    checkNames((name) => `certificateRoles has no option ${name}`, role, certificateRoleNames);
}

/** The name is not told: `{ [token]: role }` has the token for one. */
function checkTokenNames(token: unknown): void {
  if (typeof token !== "object" || token === null) return;
  if (Object.keys(token).every((name) => Object.hasOwn(TOKEN, name))) return;
  throw new SynodError(
    "InvalidArgument",
    `an entry of tokens has an option that is none: it takes ${Object.keys(TOKEN).join(", ")}`,
  );
}

/** Longest delay that timers of the host can hold. */
const timerMaxMs = 2 ** 31 - 1;

/** @throws SynodError `InvalidArgument`. */
export function limitsOf(given: Partial<ServerLimits> = {}): ServerLimits {
  checkNames((name) => `limits.${name} is not a known limit`, given, limitNames);
  const limits = { ...defaults, ...given };
  for (const [name, value] of Object.entries(limits) as [string, unknown][]) {
    const least = name === "frameBytesMax" || name === "outputBytesMax" ? 1_024 : 1;
    const most = name.endsWith("Ms") ? timerMaxMs : 2 ** 32 - 1;
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
      const text = `limits.${name} must be a whole number from ${least} to ${most}, not ${String(value)}`;
      throw new SynodError("InvalidArgument", text);
    }
  }
  return limits;
}
