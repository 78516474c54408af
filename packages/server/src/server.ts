import type { Server as NetServer, Socket } from "node:net";
import { quietLogger, quietMetrics, SynodError } from "@synod/interface";
import {
  acceptor,
  closeServer,
  encodeFrame,
  encodeGoodbye,
  type Goodbye,
  replyKinds,
  Deadlines,
  formatAddress,
  hostClock,
  type LeaderHint,
  listen,
  materialOf,
  Notices,
  parseAddress,
  Strangers,
} from "@synod/client/protocol";
import { Connection, type ServerContext } from "./connection.js";
import { limitsOf } from "./options.js";
import { Admission } from "./tokens.js";
import type { CloseServerOptions, ServedNode, ServeOptions, Server, ServerStatus } from "./types.js";

const drainTimeoutMs = 5_000;
const busyAgainMs = 1_000;

export class NodeServer<Query, Answer> implements Server {
  readonly #context: ServerContext<Query, Answer>;
  readonly #listen: string;
  readonly #server: NetServer;
  readonly #closeSockets: () => void;
  readonly #connections = new Set<Connection<Query, Answer>>();
  /** Connections that have not shaken hands yet. */
  readonly #strangers = new Strangers<Connection<Query, Answer>>();
  readonly #watching = new AbortController();
  #state: ServerStatus["state"] = "serving";
  /** When the node last saw a working leader. */
  #ledAtMs: number;
  #cancelLook: () => void = () => {};
  #address = "";
  #hint: LeaderHint;
  #closing: Promise<void> | null = null;
  #onIdle: () => void = () => {};

  constructor(node: ServedNode<Query, Answer>, options: ServeOptions<Query, Answer>) {
    const { cluster, queryCodec, answerCodec, clock = hostClock } = options;
    const [logger, metrics] = [quietLogger(options.logger), quietMetrics(options.metrics)];
    const { clusterId } = node.status();
    if (clusterId !== cluster) {
      throw new SynodError("InvalidArgument", `the node is of cluster ${clusterId}, and is to be served as ${cluster}`);
    }
    this.#listen = options.listen;
    this.#hint = hintOf(node);
    this.#ledAtMs = clock.now();
    const wantsCertificates = options.tls !== undefined && materialOf(options.tls).ca !== undefined;
    this.#context = {
      node,
      cluster,
      queryCodec,
      answerCodec,
      storage: options.storage,
      admission: new Admission({ ...options, wantsCertificates }),
      wantsCertificates,
      limits: limitsOf(options.limits),
      clock,
      deadlines: new Deadlines(clock),
      logger,
      metrics,
      notices: new Notices(logger),
      leader: () => this.#hint,
      totals: { watches: 0, inputBytes: 0, heldBytes: 0 },
      makeRoom: (of) => this.#makeRoom(of),
    };
    const { server, closeSockets } = acceptor({
      tls: options.tls,
      handshakeTimeoutMs: this.#context.limits.handshakeTimeoutMs,
      logger,
      plainRefusal: encodeFrame(replyKinds.goodbye, encodeGoodbye(tlsWanted)),
      onSocket: (socket) => this.#meet(socket),
      onTlsError: (remote, error) => {
        metrics.count("synod_server_refusals_total", 1, { code: "CertificateRefused" });
        this.#context.notices.warn(remote, "the TLS handshake with a client failed", { remote, reason: error.message });
      },
    });
    this.#server = server;
    this.#closeSockets = closeSockets;
  }

  get address(): string {
    return this.#address;
  }

  async start(): Promise<void> {
    const { logger } = this.#context;
    this.#address = formatAddress(await listen(this.#server, parseAddress(this.#listen)));
    this.#server.on("error", (error) => logger.error("the listening socket failed", { error }));
    this.#look();
    this.#follow().catch((error: unknown) => logger.error("the events of the node ended with an error", { error }));
    // There may be another leader by now than when this was made, which no event tells of any more.
    this.#tellLeader();
  }

  status(): ServerStatus {
    const all = [...this.#connections];
    return {
      state: this.#state,
      address: this.#address,
      connections: all.filter(({ accepted }) => accepted).length,
      requests: all.reduce((sum, { requests }) => sum + requests, 0),
      watches: all.reduce((sum, { watches }) => sum + watches, 0),
    };
  }

  close(options: CloseServerOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options.drainTimeoutMs ?? drainTimeoutMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #meet(socket: Socket): void {
    const { metrics } = this.#context;
    const connection: Connection<Query, Answer> = new Connection({
      context: this.#context,
      socket,
      refusal: () => this.#refusal(),
      onAccepted: () => this.#strangers.delete(connection, connection.remote),
      onIdle: () => this.#onIdle(),
      onEnd: () => {
        this.#connections.delete(connection);
        this.#strangers.delete(connection, connection.remote);
        metrics.gauge("synod_server_connections", this.#connections.size);
        this.#onIdle();
      },
    });
    this.#connections.add(connection);
    const gone = this.#strangers.add(connection, connection.remote);
    gone?.dropStranger();
    metrics.gauge("synod_server_connections", this.#connections.size);
  }

  #makeRoom(of: "answers" | "input"): void {
    const sizeOf = of === "answers" ? "answerBytes" : "partBytes";
    let most: Connection<Query, Answer> | null = null;
    for (const connection of this.#connections) {
      if (most === null || connection[sizeOf] > most[sizeOf]) most = connection;
    }
    if (of === "answers") most?.dropSlow();
    else if (most !== null && most.partBytes > 0) most.dropPart();
  }

  #refusal(): SynodError | null {
    if (this.#state !== "serving") return goingAway();
    const { connectionsMax } = this.#context.limits;
    if (this.#connections.size - this.#strangers.size < connectionsMax) return null;
    const text = `The server has as many connections as it may have (${connectionsMax}).`;
    return new SynodError("Busy", text, { details: { retryAfterMs: busyAgainMs } });
  }

  /** Tells clients whenever the leader changes. The events end with the node. */
  async #follow(): Promise<void> {
    const { node } = this.#context;
    for await (const { kind } of node.events({ signal: this.#watching.signal })) {
      if (kind === "leader" || kind === "elected" || kind === "leadershipEnded") this.#tellLeader();
    }
    if (this.#state !== "serving") return;
    this.#context.logger.warn("the node stopped: its clients are sent elsewhere", {});
    await this.close({ drainTimeoutMs: 0 });
  }

  /** Nothing reaches a node without a leader, so whoever watches there would wait for ever without being told. */
  #look(): void {
    const { node, limits, clock } = this.#context;
    const nowMs = clock.now();
    const { content, leader } = node.status();
    if (content && leader !== null) this.#ledAtMs = nowMs;
    const blindMs = nowMs - this.#ledAtMs;
    if (blindMs >= limits.leaderlessMs) {
      const why = new SynodError("NoLeader", `this node has seen no leader for ${Math.round(blindMs)} ms`);
      for (const connection of this.#connections) connection.endWatches(why, nowMs - limits.leaderlessMs);
    }
    this.#cancelLook = clock.timer(limits.leaderlessMs / 4, () => this.#look());
  }

  #tellLeader(): void {
    const hint = hintOf(this.#context.node);
    if (hint.leader === this.#hint.leader && hint.round === this.#hint.round) return;
    this.#hint = hint;
    for (const connection of this.#connections) connection.tellLeader(hint);
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#state = "draining";
    this.#watching.abort();
    this.#cancelLook();
    const free = closeServer(this.#server);
    const why = goingAway();
    for (const connection of this.#connections) connection.drain(why);
    this.#closeSockets();
    await this.#drained(timeoutMs);
    const gone = new Promise<void>((resolve) => {
      this.#onIdle = () => {
        if (this.#connections.size === 0) resolve();
      };
    });
    for (const connection of this.#connections) connection.finish();
    this.#onIdle();
    await gone;
    await free;
    this.#context.deadlines.close();
    this.#state = "closed";
  }

  /** Until nothing is open, at most for so long. */
  #drained(timeoutMs: number): Promise<void> {
    const idle = (): boolean => [...this.#connections].every(({ requests, watches }) => requests + watches === 0);
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#onIdle = () => {};
        resolve();
      };
      const cancel = this.#context.clock.timer(timeoutMs, end);
      this.#onIdle = () => {
        if (idle()) end();
      };
      this.#onIdle();
    });
  }
}

const tlsWanted: Goodbye = {
  code: "CertificateRefused",
  message: "The server speaks TLS: give the client the option `tls`.",
  retryAfterMs: 0,
};

const goingAway = (): SynodError => new SynodError("Closed", "The server is closing: ask another one.");

function hintOf<Query, Answer>(node: ServedNode<Query, Answer>): LeaderHint {
  const { leader, ballot } = node.status();
  return { leader, round: ballot?.round ?? 0 };
}
