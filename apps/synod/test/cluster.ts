// Clusters of real processes on real ports.
import { setTimeout as delay } from "node:timers/promises";
import { join } from "node:path";
import { type Ended, endOf, freePorts, inTime, json, run, type Run, type RunOptions, start } from "./cli.js";

export interface TestNode {
  readonly id: number;
  readonly directory: string;
  readonly peers: string;
  readonly clients: string;
  readonly http: string;
}

interface NodeStatusRow {
  readonly server: string;
  readonly node: { readonly id: number; readonly role: string; readonly leader: number | null } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface StatusJson {
  readonly leader: number | null;
  readonly servers: readonly NodeStatusRow[];
}

/** Asked to end, or removed. */
const EXPECTED: ReadonlySet<number | null> = new Set([0, 7]);

export class TestCluster {
  readonly name: string;
  readonly nodes: TestNode[];
  readonly env: Record<string, string>;
  readonly running: Map<number, Run> = new Map();
  readonly startFlags: readonly string[];
  /** Rejects when a node ends that nobody ended or removed: what waits for it would wait for minutes. */
  readonly #fell: Promise<never>;
  #fall: (why: Error) => void = () => {};

  constructor(name: string, nodes: TestNode[], startFlags: readonly string[]) {
    this.name = name;
    this.nodes = nodes;
    this.startFlags = startFlags;
    this.#fell = new Promise((_resolve, reject) => {
      this.#fall = reject;
    });
    this.#fell.catch(() => {});
    this.env = {
      SYNOD_CLUSTER: name,
      SYNOD_MEMBERS: nodes.map(({ id, peers }) => `${id}=${peers}`).join(","),
      SYNOD_SERVERS: nodes.map(({ clients }) => clients).join(","),
    };
  }

  node(id: number): TestNode {
    const found = this.nodes.find((one) => one.id === id);
    if (found === undefined) throw new Error(`there is no node ${id}`);
    return found;
  }

  async init(id: number, ...more: string[]): Promise<void> {
    await json(["init", "--id", String(id), "--data-dir", this.node(id).directory, ...more], { env: this.env });
  }

  /** Settles when it is ready. */
  async start(id: number, ...more: string[]): Promise<Run> {
    const run = this.spawn(id, ...more);
    await ready(this.node(id).http, run);
    return run;
  }

  spawn(id: number, ...more: string[]): Run {
    const { directory, clients, http } = this.node(id);
    const listen = ["--client-listen", clients, "--http-listen", http];
    const run = start(["start", "--data-dir", directory, ...listen, ...this.startFlags, ...more], {
      env: { SYNOD_CLUSTER: this.name },
    });
    this.running.set(id, run);
    void run.ended.then(({ code, signal, out, err }) => {
      if (this.running.get(id) !== run || EXPECTED.has(code)) return;
      this.#fall(new Error(`node ${id} ended with ${code ?? signal}: ${out}${err}`));
    });
    return run;
  }

  async startAll(): Promise<void> {
    await Promise.all(this.nodes.map(({ id }) => this.start(id)));
  }

  /** Sends the signal and waits for the end. */
  async end(id: number, signal: NodeJS.Signals): Promise<Ended> {
    const run = this.running.get(id);
    if (run === undefined) throw new Error(`node ${id} does not run`);
    this.running.delete(id);
    run.child.kill(signal);
    return endOf(run);
  }

  synod(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return run(args, { ...options, env: { ...this.env, ...options.env } });
  }

  begin(args: readonly string[], options: RunOptions = {}): Run {
    return start(args, { ...options, env: { ...this.env, ...options.env } });
  }

  json<T>(args: readonly string[]): Promise<T> {
    return Promise.race([json<T>(args, { env: this.env }), this.#fell]);
  }

  /** Who leads as of now; asks until somebody does. */
  async leader(): Promise<number> {
    let last = "";
    let isOver = false;
    const asks = async (): Promise<number> => {
      while (!isOver) {
        const { code, out, err } = await this.synod(["status", "--json"]);
        last = out + err;
        const { leader } = code === 0 ? (JSON.parse(out) as StatusJson) : { leader: null };
        if (leader !== null && this.running.has(leader)) return leader;
      }
      throw new Error("it was not waited for any longer");
    };
    return inTime(asks(), `a leader of ${this.name}`, () => last).finally(() => {
      isOver = true;
    });
  }
}

/** A node that takes a connection for probes and does not answer is asked again. */
const PROBE_MS = 5_000;

/** Asks `/readyz` until it says yes; rejects if the program ends, or at the limit with what was answered last. */
export async function ready(http: string, run: Run, limitMs?: number): Promise<void> {
  let isOver = false;
  let last = "nothing";
  const gone = run.ended.then((how) => {
    throw new Error(`it ended with ${how.code} before it was ready:\n${how.out}${how.err}`);
  });
  const asks = async (): Promise<void> => {
    while (!isOver) {
      try {
        const answer = await fetch(`http://${http}/readyz`, { signal: AbortSignal.timeout(PROBE_MS) });
        last = await answer.text();
        if (answer.status === 200) return;
      } catch (cause) {
        last = String(cause);
      }
      await delay(20);
    }
  };
  const seen = (): string => `/readyz said last: ${last}\n${run.printed()}`;
  await inTime(Promise.race([asks(), gone]), `${http} is ready`, seen, limitMs).finally(() => {
    isOver = true;
  });
}

/** Formatted, and not started. */
export async function makeCluster(
  place: string,
  name: string,
  options: { readonly ids?: readonly number[]; readonly startFlags?: readonly string[] } = {},
): Promise<TestCluster> {
  const ids = options.ids ?? [1, 2, 3];
  const nodes = await makeNodes(place, name, ids);
  const cluster = new TestCluster(name, nodes, options.startFlags ?? []);
  for (const id of ids) await cluster.init(id);
  return cluster;
}

export async function makeNodes(place: string, name: string, ids: readonly number[]): Promise<TestNode[]> {
  const ports = await freePorts(ids.length * 3);
  return ids.map((id, i) => {
    const [peers, clients, http] = ports.slice(i * 3, i * 3 + 3).map((port) => `127.0.0.1:${port}`) as [
      string,
      string,
      string,
    ];
    return { id, directory: join(place, `${name}-${id}`), peers, clients, http };
  });
}
