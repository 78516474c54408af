import { type NodeId, type SessionTicket, type Slot, SynodError } from "@synod/interface";
import type { Session, StaleReadOptions } from "@synod/node";
import type { AnyWorkload, Cluster, Serving } from "./cluster.js";
import type { Config } from "./config.js";
import type { Judge } from "./judge.js";
import type { Ledger } from "./ledger.js";
import type { SeededRandom } from "./random.js";
import type { Timeline } from "./timeline.js";
import { shown } from "./trace.js";
import type { Request } from "./workload.js";

interface Call {
  readonly request: Request<unknown, unknown>;
  readonly tag: number;
  /** For the order of the history. */
  readonly stamp: number;
  readonly startedMs: number;
  readonly ticket: SessionTicket | undefined;
  /** Its session was closed before: it never takes effect. */
  readonly late: boolean;
  /** A new one for each time that it is sent: answers to earlier ones do not count. */
  attempt: number;
  /** An attempt ended without a word on whether it took effect. */
  unknown: boolean;
}

export interface ClientParts {
  readonly id: number;
  readonly config: Config;
  readonly cluster: Cluster;
  readonly workload: AnyWorkload;
  readonly ledger: Ledger;
  readonly judge: Judge;
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  /** Draws how it reads. */
  readonly reading: SeededRandom;
  /** Draws what becomes of its sessions. */
  readonly sessions: SeededRandom;
  /** Nodes that it talks to. */
  nodes(): readonly NodeId[];
}

const ATTEMPTS_MAX = 6;
/** No clock is slower than 0.95 times true time. */
const CLOCK_SLACK = 1.06;

/** One user of the service: one request at a time, each with its own unique value. */
export class Client {
  readonly #p: ClientParts;
  readonly #ownSession: boolean;
  #session: Session | null = null;
  /** The session was given up, and is used once more. */
  #closed = false;
  #call: Call | null = null;
  #favourite: NodeId | null = null;
  #stopped = false;
  /** The newest state that it has seen. */
  #seen: Slot = 0;
  /** Requests that ended, whatever the outcome; those with an answer. */
  finished = 0;
  answered = 0;

  constructor(parts: ClientParts) {
    this.#p = parts;
    this.#ownSession = parts.random.chance(parts.config.sessionClients);
  }

  start(): void {
    this.#think();
  }

  /** No new requests. */
  stop(): void {
    this.#stopped = true;
  }

  /** Whether a request is under way. */
  get busy(): boolean {
    return this.#call !== null;
  }

  get text(): string {
    const call = this.#call;
    return call === null
      ? `client ${this.#p.id} is idle`
      : `client ${this.#p.id} waits since ${call.startedMs.toFixed(1)} ms for ${shown(call.request)}`;
  }

  #think(): void {
    const { timeline, random, config } = this.#p;
    timeline.after(random.between(...config.thinkMs), () => {
      if (this.#stopped) return;
      const running = this.#choose();
      if (running === null) this.#think();
      else if (this.#ownSession && this.#session === null) this.#openSession(running);
      else this.#begin(running);
    });
  }

  #choose(): Serving | null {
    const { cluster, random } = this.#p;
    const up = this.#p.nodes().filter((id) => cluster.serving(id) !== undefined);
    if (up.length === 0) return null;
    if (this.#favourite === null || !up.includes(this.#favourite) || random.chance(0.1)) {
      this.#favourite = random.pick(up);
    }
    return cluster.serving(this.#favourite) ?? null;
  }

  #openSession({ life, node }: Serving): void {
    let over = false;
    const done = (session: Session | null): void => {
      if (over) return;
      over = true;
      life.onCrash.delete(crashed);
      this.#session = session;
      this.#think();
    };
    const crashed = (): void => done(null);
    life.onCrash.add(crashed);
    life.process.whenAwake(life, () => {
      node.openSession().then(done, (error: unknown) => {
        this.#checkError(error, "openSession");
        done(null);
      });
    });
  }

  #begin(running: Serving): void {
    const { workload, ledger, random, timeline, id } = this.#p;
    const tag = ledger.newTag();
    const request = workload.next({ id, unique: tag, random });
    const ticket = request.kind === "command" ? this.#session?.ticket() : undefined;
    const late = this.#closed && ticket !== undefined;
    if (late) ledger.onRefused(tag);
    this.#call = {
      request,
      tag,
      stamp: ledger.stamp(),
      startedMs: timeline.nowMs,
      ticket,
      late,
      attempt: 0,
      unknown: false,
    };
    this.#attempt(this.#call, running);
  }

  #attempt(call: Call, { life, node }: Serving): void {
    const { cluster, random, timeline } = this.#p;
    const attempt = ++call.attempt;
    const isCurrent = (): boolean => this.#call === call && call.attempt === attempt;
    const { request, tag } = call;
    const { reading, config } = this.#p;
    const isStale = request.kind === "query" && reading.chance(config.reads.stale);
    const via = reading.chance(config.reads.quorum) ? "quorum" : "leader";
    const text = shown(request.kind === "command" ? request.command : request.query);
    cluster.note(node.id, `client ${this.#p.id} ${request.kind} ${tag}, attempt ${attempt}: ${text}`);
    let isOver = false;
    /** True once, whatever ends it: what a node says in its last turn may come together with its end. */
    const over = (): boolean => {
      life.onCrash.delete(crashed);
      const isFirst = !isOver;
      isOver = true;
      return isFirst && isCurrent();
    };
    const crashed = (): void => {
      // The connection breaks: the client hears of it soon.
      timeline.after(random.between(0, 20), () => over() && this.#failed(call, null));
    };
    life.onCrash.add(crashed);
    const patience = random.chance(0.05) ? new AbortController() : null;
    if (patience !== null) {
      const giveUp = (): void => life.process.whenAwake(life, () => patience.abort());
      timeline.after(random.between(0, 300), giveUp);
    }
    life.process.whenAwake(life, () => {
      const options = patience === null ? {} : { signal: patience.signal };
      if (request.kind === "query" && isStale) {
        this.#readStale(call, { node, query: request.query, options, over });
        return;
      }
      const answer =
        request.kind === "query"
          ? node.read(request.query, { ...options, via })
          : node.propose(
              { tag, command: request.command },
              { ...options, ...(call.ticket === undefined ? {} : { session: call.ticket }) },
            );
      answer.then(
        (output) => over() && this.#succeeded(call, output),
        (error: unknown) => {
          if (!over()) return;
          if (isUnknownSession(error)) this.#sessionGone(call, node.applied);
          else this.#failed(call, error);
        },
      );
    });
  }

  /** Not part of the history: what it may miss is checked here. */
  #readStale(
    call: Call,
    at: { node: Serving["node"]; query: unknown; options: { signal?: AbortSignal }; over: () => boolean },
  ): void {
    const { reading, ledger, judge } = this.#p;
    const bounds: StaleReadOptions = {
      ...(reading.chance(0.6) ? { maxAgeMs: reading.pick([0, 20, 200, 2_000]) } : {}),
      ...(reading.chance(0.3) ? { maxSlots: reading.pick([0, 3, 100]) } : {}),
      ...(reading.chance(0.7) ? { atLeast: this.#seen } : {}),
    };
    const { maxAgeMs = Infinity, atLeast = 0 } = bounds;
    // The age is by the clock of the node, which may be slow.
    const acknowledged = ledger.answeredUpTo(judge.nowMs() - maxAgeMs * CLOCK_SLACK);
    at.node.readStale(at.query, { ...at.options, ...bounds }).then(
      ({ asOf }) => {
        judge.check(
          asOf >= Math.max(atLeast, acknowledged),
          "stale reads keep their bound",
          () =>
            `client ${this.#p.id}: as of ${asOf}; ${atLeast} was seen, and ${acknowledged} acknowledged ${maxAgeMs} ms before`,
        );
        this.#seen = Math.max(this.#seen, asOf);
        judge.sometimes(asOf < ledger.answeredUpTo(judge.nowMs()) ? "stale read, old" : "stale read");
        if (!at.over()) return;
        this.answered++;
        this.#end(call, `answered as of ${asOf}`);
      },
      (error: unknown) => at.over() && this.#failed(call, error),
    );
  }

  #succeeded(call: Call, output: unknown): void {
    const { ledger, id, judge } = this.#p;
    const { request, stamp, tag } = call;
    const input = request.kind === "command" ? request.command : request.query;
    ledger.history.push({ client: id, call: stamp, return: ledger.stamp(), input, output });
    judge.check(!call.late, "refused means never executed", () => `command ${tag} of a closed session is answered`);
    if (request.kind === "command") ledger.onAnswer(tag);
    if (call.attempt > 1) judge.sometimes("answered after a retry");
    this.answered++;
    this.#end(call, `answered ${shown(output)}`);
  }

  #sessionGone(call: Call, applied: Slot): void {
    const { ledger, judge, config } = this.#p;
    judge.sometimes(call.late ? "session unknown: closed" : "session unknown: expired");
    ledger.onForgotten(call.tag, applied, call.late ? 0 : config.sessionTtlMs);
    this.#session = null;
    this.#closed = false;
    call.unknown ||= !call.late;
    this.#unanswered(call, "SessionUnknown");
  }

  /** `error` is null if the node went away without a word. */
  #failed(call: Call, error: unknown): void {
    const { judge, timeline, random, config } = this.#p;
    const code = error === null ? "OutcomeUnknown" : this.#checkError(error, call.request.kind);
    // A read that fails has no effect that anybody could see.
    if (call.request.kind === "query") return this.#end(call, code);
    call.unknown ||= code === "OutcomeUnknown";
    if (call.ticket !== undefined && call.attempt < ATTEMPTS_MAX && !this.#stopped) {
      judge.sometimes("retry with the same ticket");
      timeline.after(random.between(...config.thinkMs), () => this.#retry(call));
      return;
    }
    this.#unanswered(call, code);
  }

  #unanswered(call: Call, code: string): void {
    const { ledger, id, judge } = this.#p;
    if (call.unknown) {
      const { request } = call;
      const input = request.kind === "command" ? request.command : request.query;
      ledger.history.push({ client: id, call: call.stamp, return: null, input });
      judge.sometimes("outcome unknown");
    } else {
      ledger.onRefused(call.tag);
      judge.sometimes("not proposed");
    }
    this.#end(call, call.unknown ? "OutcomeUnknown" : code);
  }

  #retry(call: Call): void {
    const running = this.#choose();
    if (running !== null) return this.#attempt(call, running);
    // Nobody is there to ask: that is an attempt, too, which surely had no effect.
    call.attempt++;
    this.#failed(call, new SynodError("NotProposed", "no node runs"));
  }

  #end(call: Call, how: string): void {
    if (call.ticket !== undefined) this.#session?.done(call.ticket);
    this.finished++;
    this.#p.cluster.note(0, `client ${this.#p.id} ${call.tag}: ${how}`);
    this.#call = null;
    const { sessions, config } = this.#p;
    if (this.#closed) this.#session = null;
    this.#closed = false;
    const closing = this.#session !== null && sessions.chance(config.sessionCloses) ? this.#choose() : null;
    if (closing === null) this.#think();
    else this.#closeSession(closing, sessions.chance(0.5));
  }

  /** Gives its session up, and maybe forgets that for one more request. */
  #closeSession({ life, node }: Serving, forgetful: boolean): void {
    const { judge, cluster } = this.#p;
    const session = this.#session;
    let over = false;
    const done = (closed: boolean): void => {
      if (over) return;
      over = true;
      life.onCrash.delete(crashed);
      this.#closed = closed && forgetful;
      if (!this.#closed) this.#session = null;
      this.#think();
    };
    const crashed = (): void => done(false);
    life.onCrash.add(crashed);
    cluster.note(node.id, `client ${this.#p.id} closes its session`);
    life.process.whenAwake(life, () => {
      if (session === null) return done(false);
      node.closeSession(session.id).then(
        () => {
          judge.sometimes("session closed");
          done(true);
        },
        (error: unknown) => {
          this.#checkError(error, "closeSession");
          done(false);
        },
      );
    });
  }

  /** The code of an error that a caller has to live with; anything else is a fault. */
  #checkError(error: unknown, call: string): string {
    const code = error instanceof SynodError ? error.code : "";
    const known = ["NotProposed", "OutcomeUnknown", "Busy", "Closed", "NoLeader", "TooStale"];
    const expected = known.includes(code) || (code === "Removed" && this.#p.config.members !== null);
    this.#p.judge.check(expected, "every call settles", () => `${call} rejects with ${String(error)}`);
    if (code === "Busy") this.#p.judge.sometimes("busy");
    return code;
  }
}

const isUnknownSession = (error: unknown): boolean => error instanceof SynodError && error.code === "SessionUnknown";
