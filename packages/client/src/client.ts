import {
  type CallOptions,
  checkCall,
  checkSignal,
  EventHub,
  type NodeId,
  OpenedSession,
  type ProposeOptions,
  type ReadOptions,
  type Service,
  type Session,
  type SessionId,
  SynodError,
  type Watched,
  type WatchOptions,
} from "@synod/interface";
import { adminOf, type ClientAdmin } from "./admin.js";
import { Call, type CallPlan, type CallShared } from "./call.js";
import { CALL, checkEnds, checkTicket } from "./checks.js";
import type { Context } from "./context.js";
import type { ClientEvent } from "./events.js";
import { firstConnection } from "./first-connection.js";
import type { Link } from "./link.js";
import { addressesOf, type ConnectOptions, contextOf } from "./options.js";
import { Pool } from "./pool.js";
import { type CallRoom, ProposalPlan, ReadPlan } from "./proposal.js";
import { OpenCalls } from "./open-calls.js";
import { Deadlines } from "./protocol/deadlines.js";
import { Sessions, type Ticket } from "./session.js";
import { closePlan, openPlan } from "./session-plans.js";
import type { ClientStatus } from "./status.js";
import { WatchIterator } from "./watch.js";

/** A cluster, from another process. */
export interface Client<Command, Query, Result, Answer = Result>
  extends Service<Command, Query, Result, Answer>,
    AsyncDisposable {
  watch(query: Query, options?: WatchOptions): AsyncIterableIterator<Watched<Query, Answer>>;
  readonly admin: ClientAdmin;
  status(): ClientStatus;
  /** Changes of connections, leader and session, from now on. A consumer that falls 1,024 events behind loses the oldest. */
  events(options?: { readonly signal?: AbortSignal }): AsyncIterableIterator<ClientEvent>;
  /** Settles all calls, gives the session up, and closes all connections. May be called twice. */
  close(): Promise<void>;
}

const PROPOSE = [...CALL, "session"];
const READ = [...CALL, "via"];

/** What a call costs besides its bytes: small ones must not take more memory than they count. */
const callCostBytes = 1024;
/** Watches that may wait. */
const watchesMax = 16_384;
/** How long `close` waits for the cluster to take the session back. */
const goodbyeMs = 1_000;

export class RemoteClient<Command, Query, Result, Answer> implements Client<Command, Query, Result, Answer> {
  readonly admin: ClientAdmin;
  readonly #options: ConnectOptions<Command, Query, Result, Answer>;
  readonly #context: Context;
  readonly #pool: Pool;
  readonly #shared: CallShared;
  readonly #sessions: Sessions;
  readonly #events = new EventHub<ClientEvent>();
  readonly #firstLook: ((link: Link) => void)[] = [];
  readonly #room: CallRoom = {
    leave: (bytes) => {
      this.#calls--;
      this.#callBytes -= bytes + callCostBytes;
    },
  };
  #callBytes = 0;
  #calls = 0;
  #closed = false;
  #closing: Promise<void> | null = null;

  constructor(options: ConnectOptions<Command, Query, Result, Answer>) {
    this.#options = options;
    this.#context = contextOf(options);
    this.#pool = new Pool(this.#context, addressesOf(options.servers), {
      ready: (link) => this.#ready(link),
      down: (link, error, wasReady) => this.#down(link, error, wasReady),
      leader: (leader) => this.#events.emit({ kind: "leader", leader }),
    });
    const deadlines = new Deadlines(this.#context.clock);
    this.#shared = { context: this.#context, pool: this.#pool, deadlines, calls: new OpenCalls() };
    this.#sessions = new Sessions(this.#shared, (session) => this.#events.emit({ kind: "sessionLost", session }));
    this.admin = adminOf(this.#shared, () => this.#checkOpen());
  }

  async connect(): Promise<void> {
    const { signal } = this.#options;
    try {
      await firstConnection({
        context: this.#context,
        pool: this.#pool,
        signal,
        onLook: (look) => this.#firstLook.push(look),
      });
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      this.#firstLook.length = 0;
    }
  }

  propose(command: Command, options: ProposeOptions = {}): Promise<Result> {
    try {
      return this.#propose(command, options);
    } catch (error) {
      return rejected(error);
    }
  }

  #propose(command: Command, options: ProposeOptions): Promise<Result> {
    const callOptions = this.#callOptions("propose", options, PROPOSE);
    const body = this.#options.commandCodec.encode(command);
    const given = options.session;
    if (given !== undefined) checkTicket(given);
    this.#enter(body.length);
    const plan = new ProposalPlan(body, this.#options.resultCodec, given, this.#room);
    const call = new Call(this.#shared, plan, callOptions).begin();
    if (given !== undefined) return call.go().promise;
    plan.ticket = call.ended ? null : this.#sessions.take();
    if (plan.ticket !== null) call.go();
    else if (!call.ended) this.#awaitTicket(call, plan);
    return call.promise;
  }

  #awaitTicket(call: Call<Result>, plan: ProposalPlan<Result>): void {
    const holder = {
      granted: (ticket: Ticket): void => {
        plan.ticket = ticket;
        call.go();
      },
      refused: (error: SynodError): void => call.stop(error),
      untilMs: call.untilMs,
    };
    call.waitFor(
      () => this.#sessions.withdraw(holder),
      () => this.#sessions.obstacle,
    );
    this.#sessions.acquire(holder);
  }

  read(query: Query, options: ReadOptions = {}): Promise<Answer> {
    try {
      return this.#read(query, options);
    } catch (error) {
      return rejected(error);
    }
  }

  #read(query: Query, options: ReadOptions): Promise<Answer> {
    const callOptions = this.#callOptions("read", options, READ);
    const { via = "leader" } = options;
    if (via !== "leader" && via !== "quorum") {
      throw new SynodError("InvalidArgument", `via is "leader" or "quorum", not ${String(via)}`);
    }
    const bytes = this.#options.queryCodec.encode(query);
    this.#enter(bytes.length);
    const plan = new ReadPlan(bytes, via, this.#options.answerCodec, this.#room);
    return new Call(this.#shared, plan, callOptions).begin().go().promise;
  }

  watch(query: Query, { signal }: WatchOptions = {}): AsyncIterableIterator<Watched<Query, Answer>> {
    const { queryCodec, answerCodec } = this.#options;
    const admit = (): void => {
      this.#checkOpen();
      checkSignal(signal);
      if (this.#shared.calls.size - this.#calls >= watchesMax) throw this.#busy("watches are open");
    };
    return new WatchIterator({ shared: this.#shared, queryCodec, answerCodec, admit }, query, signal);
  }

  async openSession(options: CallOptions = {}): Promise<Session> {
    const opened = await this.#ask("openSession", openPlan, options);
    const close = (id: SessionId, given: CallOptions): Promise<void> => this.#ask("close", closePlan(id, true), given);
    return new OpenedSession(opened.session, opened.limit, close);
  }

  /** A call among those that are counted. */
  async #ask<T>(name: string, plan: CallPlan<T>, options: CallOptions): Promise<T> {
    const callOptions = this.#callOptions(name, options, CALL);
    this.#enter(0);
    return new Call(this.#shared, { ...plan, ended: () => this.#room.leave(0) }, callOptions).begin().go().promise;
  }

  status(): ClientStatus {
    return {
      cluster: this.#context.cluster,
      state: this.#closed ? "closed" : this.#pool.readyCount > 0 ? "connected" : "connecting",
      leader: this.#pool.leader,
      session: this.#sessions.id,
      calls: this.#calls,
      callBytes: this.#callBytes,
      servers: this.#pool.links.map(({ address, connection, failure }) => ({
        address,
        connected: connection?.ready === true,
        nodeId: connection?.welcome?.nodeId ?? null,
        role: connection?.welcome?.role ?? null,
        failure,
      })),
    };
  }

  events({ signal }: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<ClientEvent> {
    return this.#events.subscribe(signal);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#closed = true;
    const closed = new SynodError("Closed", "the client was closed");
    // First, so that the place of a call that ends is not given to one that waits, for a ticket or for room at a server.
    const session = this.#sessions.close();
    this.#pool.dropWaiting();
    this.#shared.calls.giveUpAll("the client was closed", closed);
    if (session !== null && this.#pool.readyCount > 0) await this.#giveBack(session);
    this.#pool.close(closed);
    this.#shared.deadlines.close();
    this.#events.close();
  }

  /** The cluster would forget it by itself some time later. */
  async #giveBack(session: SessionId): Promise<void> {
    const call = new Call(this.#shared, closePlan(session, false), { timeoutMs: goodbyeMs });
    await call
      .begin()
      .go()
      .promise.catch((error: unknown) => this.#context.logger.debug("the session was not given back", { error }));
  }

  #callOptions(
    call: string,
    options: CallOptions,
    names: readonly string[],
  ): { signal: AbortSignal | undefined; timeoutMs: number } {
    checkCall(call, options, names);
    const { signal, timeoutMs = this.#context.limits.timeoutMs } = options;
    checkEnds({ signal, timeoutMs });
    return { signal, timeoutMs };
  }

  #checkOpen(): void {
    if (this.#closed) throw new SynodError("Closed", "the client was closed");
  }

  #busy(text: string): SynodError {
    return new SynodError("Busy", `too many ${text} at this client`, { details: { retryAfterMs: 100 } });
  }

  /** Takes a call in; its plan leaves again. */
  #enter(bytes: number): void {
    this.#checkOpen();
    const { callsMax, callBytesMax } = this.#context.limits;
    const cost = bytes + callCostBytes;
    if (cost > callBytesMax) {
      const limit = Math.max(0, callBytesMax - callCostBytes);
      const text = `the call has ${bytes} bytes; this client has room for ${limit} (limits.callBytesMax)`;
      throw new SynodError("TooLarge", text, { details: { limit } });
    }
    if (this.#calls >= callsMax || this.#callBytes + cost > callBytesMax) throw this.#busy("calls are under way");
    this.#calls++;
    this.#callBytes += cost;
  }

  #ready(link: Link): void {
    const nodeId: NodeId = link.connection?.welcome?.nodeId ?? 0;
    this.#context.notices.forget(link.address);
    this.#events.emit({ kind: "connected", server: link.address, nodeId });
    for (const look of this.#firstLook) look(link);
  }

  #down(link: Link, error: SynodError, wasReady: boolean): void {
    const { notices, metrics } = this.#context;
    if (this.#closed) return;
    metrics.count("synod_client_lost_connections_total", 1, { code: error.code });
    notices.warn(link.address, wasReady ? "the connection to a server ended" : "a server is not connected", {
      server: link.address,
      code: error.code,
      reason: error.message,
    });
    this.#events.emit({ kind: wasReady ? "disconnected" : "notConnected", server: link.address, error });
    for (const look of this.#firstLook) look(link);
  }
}

/** A caller should not have to look for an error in two places. */
const rejected = <T>(error: unknown): Promise<T> => Promise.reject(error);
