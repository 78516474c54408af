import { type NodeId, SynodError } from "@synod/interface";
import type { Notice, Replica } from "@synod/multipaxos";

interface Settle {
  readonly resolve: (leader: NodeId) => void;
  readonly reject: (error: unknown) => void;
}

/** The caller who waits for an orderly change of leader. There is one at most: the replica refuses a second one. */
export class Transfers {
  readonly #replica: Replica;
  #waiting: Settle | null = null;

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  begin(options: { readonly to: NodeId | undefined; readonly timeoutMs: number; readonly settle: Settle }): void {
    const { to, timeoutMs, settle } = options;
    this.#replica.transferLeadership({ timeoutMs, ...(to === undefined ? {} : { to }) });
    this.#waiting = settle;
  }

  ended({ to, done, reason }: Extract<Notice, { kind: "transferEnded" }>): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (done) waiting?.resolve(to);
    else {
      const text = `the leadership was not transferred to node ${to}: ${reason}`;
      waiting?.reject(
        new SynodError("NotTransferred", text, { details: { to, leader: this.#replica.status().leader } }),
      );
    }
  }

  /** The node stops: nobody is left waiting. */
  stop(): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    const text = "the node stopped before it heard who leads; the other node may have been told to take over, and does";
    waiting?.reject(new SynodError("OutcomeUnknown", text));
  }
}
