// What a command waits for, said once to people who look on.
import type { ClientStatus } from "@synod/client";
import { type Fields, SynodError } from "@synod/interface";
import type { Output } from "./output.js";

const NO_SERVER_MS = 1_500;
/** Of one that has servers and gives no answer: together less than two seconds. */
const SILENT_MS = 700;
const ANSWER_MS = 1_000;

const OPTIONS: readonly (readonly [option: string, flags: string])[] = [
  ["give the client the option `tls`", "give --tls-ca, and --tls-cert and --tls-key where it wants a certificate"],
  ["give the client the option `token`", "give --token-file"],
];

/** What client and server say of options of the library, in flags of this program. */
export const inFlags = (text: string): string =>
  OPTIONS.reduce((said, [option, flags]) => said.replaceAll(option, flags), text);

/** Servers that cannot be reached are tried again until the time is up: whoever looks on is told so before. */
export class Waiting {
  readonly #reasons = new Map<string, string>();
  readonly #output: Output;
  readonly #timer: NodeJS.Timeout;

  constructor(output: Output, timeoutMs: number) {
    this.#output = output;
    this.#timer = setTimeout(() => {
      const reasons = [...this.#reasons].map(([server, reason]) => `${server}: ${reason}`).join("; ");
      const seconds = timeoutMs / 1000;
      output.note(`note: no server yet (${reasons || "none answers"}); trying for ${seconds} s in all (--timeout)`);
    }, NO_SERVER_MS);
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

/** What is needed of a client. */
interface Asked {
  read(
    query: { readonly kind: "status" },
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<unknown>;
  status(): Pick<ClientStatus, "servers">;
}

interface Silence {
  readonly told: boolean;
  /** Nothing is said from now on. */
  end(): void;
}

/** Of errors of a read: no leader, or no server any more. What is refused for another reason is said by the command itself. */
const UNANSWERED: ReadonlySet<string> = new Set(["NoLeader", "NoServer"]);

/** Says once, after a while, that the cluster answers nobody. A read of its own finds that out, whatever the command itself waits for. */
export function noteSilence(client: Asked, output: Output): Silence {
  const ended = new AbortController();
  const { signal } = ended;
  let told = false;
  const refused = (cause: unknown): void => {
    if (signal.aborted || !(cause instanceof SynodError) || !UNANSWERED.has(cause.code)) return;
    told = true;
    output.note(`note: waiting for a leader with a majority: ${whoAnswers(client.status(), cause)}`);
  };
  const timer = setTimeout(() => {
    client.read({ kind: "status" }, { timeoutMs: ANSWER_MS, signal }).catch(refused);
  }, SILENT_MS);
  return {
    get told() {
      return told;
    },
    end: () => {
      clearTimeout(timer);
      ended.abort();
    },
  };
}

function whoAnswers({ servers }: Pick<ClientStatus, "servers">, { cause }: SynodError): string {
  const down = servers.filter(({ connected }) => !connected);
  const there = servers.length - down.length;
  const count = `${there} of ${servers.length} servers ${there === 1 ? "is" : "are"} connected`;
  const reasons = down.map(({ address, failure }) => `${address}: ${inFlags(failure?.message ?? "not yet")}`);
  if (reasons.length > 0) return `${count}; not connected: ${reasons.join("; ")}`;
  return cause instanceof SynodError ? `${count}; last a server said: ${cause.message}` : count;
}
