import type { SynodError } from "@synod/interface";
import { type Address, backoffMs, formatAddress } from "@synod/transport-tcp/framing";
import { Connection } from "./connection.js";
import type { Context } from "./context.js";
import type { LeaderHint } from "./protocol/replies.js";

export interface LinkOptions {
  readonly context: Context;
  readonly address: Address;
  readonly onReady: (link: Link) => void;
  readonly onRoom: () => void;
  readonly onLeader: (hint: LeaderHint) => void;
  /** A connection or an attempt ended; another one follows. */
  readonly onDown: (link: Link, error: SynodError, wasReady: boolean) => void;
}

/** The way to one server: a connection, dialed again for as long as the client is open. */
export class Link {
  readonly address: string;
  readonly #options: LinkOptions;
  #connection: Connection | null = null;
  #failure: SynodError | null = null;
  #failures = 0;
  #readyAtMs = 0;
  #cancelRetry: () => void = () => {};
  #closed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.address = formatAddress(options.address);
  }

  /** Null while there is none. */
  get connection(): Connection | null {
    return this.#connection;
  }

  /** Why the last attempt or connection ended; null since one was accepted. */
  get failure(): SynodError | null {
    return this.#failure;
  }

  dial(): void {
    if (this.#closed) return;
    const { context, address, onRoom, onLeader } = this.#options;
    const connection: Connection = new Connection({
      context,
      address,
      onReady: () => this.#ready(),
      onRoom,
      onLeader,
      onDraining: () => context.logger.info("a server takes no more requests", { server: this.address }),
      onEnd: (error) => this.#ended(connection, error),
    });
    this.#connection = connection;
  }

  close(error: SynodError): void {
    this.#closed = true;
    this.#cancelRetry();
    this.#connection?.close(error);
  }

  #ready(): void {
    this.#failure = null;
    this.#readyAtMs = this.#options.context.clock.now();
    this.#options.onReady(this);
  }

  #ended(connection: Connection, error: SynodError): void {
    const { context, onDown } = this.#options;
    const wasReady = connection.welcome !== null;
    this.#connection = null;
    this.#failure = error;
    // One that only shakes hands and breaks must go on backing off.
    if (wasReady && context.clock.now() - this.#readyAtMs > context.limits.reconnectMaxMs) this.#failures = 0;
    if (!this.#closed) this.#retryLater(error);
    onDown(this, error, wasReady);
  }

  #retryLater({ details }: SynodError): void {
    const { clock, random, limits } = this.#options.context;
    const backoff = backoffMs(this.#failures++, { minMs: limits.reconnectMinMs, maxMs: limits.reconnectMaxMs, random });
    const asked = typeof details["retryAfterMs"] === "number" ? details["retryAfterMs"] : 0;
    this.#cancelRetry = clock.timer(Math.max(backoff, asked), () => this.dial());
  }
}
