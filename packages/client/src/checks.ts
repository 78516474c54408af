import { checkNames, checkSignal, optionNames, type SessionTicket, SynodError } from "@synod/interface";
import { materialOf, tlsNames } from "@synod/transport-tcp/framing";
import { type ConnectOptions, limitNames } from "./options.js";
import { checkCodec } from "./protocol/codecs.js";

const NAMES: Readonly<Record<keyof ConnectOptions<unknown, unknown, unknown>, true>> = {
  cluster: true,
  servers: true,
  commandCodec: true,
  resultCodec: true,
  queryCodec: true,
  answerCodec: true,
  token: true,
  tls: true,
  name: true,
  limits: true,
  clock: true,
  random: true,
  logger: true,
  metrics: true,
  signal: true,
};

/**
 * Types do not help who writes plain JavaScript: refuses what could only fail later and less clearly.
 * @throws SynodError `InvalidArgument`
 */
export function checkConnect<Command, Query, Result, Answer>(
  options: ConnectOptions<Command, Query, Result, Answer>,
): void {
  if (typeof options !== "object" || options === null)
    throw invalid("connect takes an object: { cluster, servers, ...codecs }");
  const { cluster, servers, token, name } = options;
  if (typeof cluster !== "string")
    throw invalid(`cluster must be the id of the cluster, a string, not ${kind(cluster)}`);
  if (!Array.isArray(servers)) throw invalid(`servers must be a list, as in ["10.0.0.1:7100"], not ${kind(servers)}`);
  for (const codec of ["commandCodec", "resultCodec", "queryCodec", "answerCodec"] as const)
    checkCodec(codec, options[codec]);
  if (token !== undefined && typeof token !== "string") throw invalid(`token must be a string, not ${kind(token)}`);
  if (name !== undefined && typeof name !== "string") throw invalid(`name must be a string, not ${kind(name)}`);
  // A wrong name of `tls` would send everything in clear.
  checkNames((given) => `connect has no option ${given}`, options, optionNames(NAMES), [...limitNames, ...tlsNames]);
  checkTlsNow(options.tls);
  checkSignal(options.signal);
}

/** A function is asked here as for each connection, where what is wrong with it would be tried again and again. @throws SynodError `InvalidArgument` */
function checkTlsNow(tls: ConnectOptions<never, never, never>["tls"]): void {
  try {
    if (tls !== undefined) materialOf(tls);
  } catch (error) {
    // One that fails by itself may do better at the next connection: its files may be written at this moment.
    if (error instanceof SynodError) throw error;
  }
}

/** What every call takes. */
export const CALL: readonly string[] = ["timeoutMs", "signal"];

/** NaN would never come, and be waited for. @throws SynodError `InvalidArgument` */
function checkTimeoutMs(timeoutMs: unknown): void {
  if (typeof timeoutMs === "number" && timeoutMs > 0) return;
  throw invalid(`timeoutMs must be a positive number, not ${String(timeoutMs)}`);
}

/**
 * What ends a call: a signal that is none would be noticed only once the call has begun.
 * @throws SynodError `InvalidArgument`
 */
export function checkEnds({ signal, timeoutMs }: { readonly signal?: unknown; readonly timeoutMs: unknown }): void {
  checkTimeoutMs(timeoutMs);
  checkSignal(signal);
}

/** A ticket comes from outside. The server would end the connection for one that cannot be, and with it all else that is under way there. */
export function checkTicket(ticket: SessionTicket): void {
  const { session, sequence, floor } = (ticket ?? {}) as Partial<SessionTicket>;
  if (isFrom(1, session?.slot) && isFrom(0, session?.index) && isFrom(1, sequence) && isFrom(0, floor)) return;
  throw invalid("the session ticket is malformed: use one from session.ticket()");
}

const isFrom = (least: number, value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= least;

const kind = (value: unknown): string => {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value)
    ? "a list"
    : value instanceof Promise
      ? "a promise"
      : typeof value === "object"
        ? "an object"
        : `a ${typeof value}`;
};

const invalid = (text: string): SynodError => new SynodError("InvalidArgument", text);
