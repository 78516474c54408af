import type { NodeId, Slot } from "@synod/interface";
import type { Message, Send } from "@synod/multipaxos";

/** So long the word of what is chosen may wait for an Accept that says it along. */
const HOLD_MS = 5;

type Commit = Extract<Message, { kind: "commit" }>;

export interface AnnouncementsOptions {
  /** Runs something after so many milliseconds. */
  readonly after: (ms: number, run: () => void) => void;
  readonly send: (sends: readonly Send[]) => void;
  /** Whether a change of the members is under way: those who leave wait for every word of it. */
  readonly isChanging: () => boolean;
}

/**
 * Keeps back what a leader tells of chosen slots where nobody waits for it: to wake every member for that costs as much as the command did,
 * and the next Accept carries it. For the protocol this is a message that was a little slow. It goes at once to a member whose own callers
 * wait for a slot, and before anything else that may build on it: an index to be read, or that the member was removed.
 */
export class Announcements {
  readonly #o: AnnouncementsOptions;
  #commit: Commit | null = null;
  /** Who has not been told of it. */
  readonly #to = new Set<NodeId>();
  #isTimed = false;
  /** Up to where members wait for the outcome of what they forwarded. */
  readonly #awaited = new Map<NodeId, Slot>();

  constructor(options: AnnouncementsOptions) {
    this.#o = options;
  }

  /** A command of callers of this member is proposed in this slot. */
  awaits(member: NodeId, slot: Slot): void {
    this.#awaited.set(member, Math.max(slot, this.#awaited.get(member) ?? 0));
  }

  /** Gives what may leave now, in order. */
  pass(sends: readonly Send[]): readonly Send[] {
    const isPlain = this.#to.size === 0 && !sends.some(({ message }) => message.kind === "commit");
    if (isPlain) return sends;
    const out: Send[] = [];
    for (const send of sends) {
      const { message, to } = send;
      if (message.kind === "commit") this.#hold(message, to, out);
      else {
        if (message.kind === "accept") for (const id of to) this.#told(id, message.chosenUpTo);
        else if (!isIndifferent(message))
          this.#release(
            to.filter((id) => this.#to.has(id)),
            out,
          );
        out.push(send);
      }
    }
    return out;
  }

  #hold(message: Commit, to: readonly NodeId[], out: Send[]): void {
    this.#commit = message;
    const isChanging = this.#o.isChanging();
    const urgent: NodeId[] = [];
    for (const id of to) {
      if (isChanging || this.#awaited.has(id)) urgent.push(id);
      else this.#to.add(id);
    }
    if (this.#to.size > 0 && !this.#isTimed) {
      this.#isTimed = true;
      this.#o.after(HOLD_MS, () => {
        this.#isTimed = false;
        const due: Send[] = [];
        this.#release([...this.#to], due);
        this.#o.send(due);
      });
    }
    this.#release(urgent, out);
  }

  #told(id: NodeId, chosenUpTo: Slot): void {
    this.#to.delete(id);
    if ((this.#awaited.get(id) ?? Infinity) <= chosenUpTo) this.#awaited.delete(id);
  }

  #release(to: readonly NodeId[], out: Send[]): void {
    const message = this.#commit;
    if (message === null || to.length === 0) return;
    for (const id of to) this.#told(id, message.chosenUpTo);
    out.push({ to, message, lane: "control", after: 0 });
  }
}

/** Frequent, and no worse without the word of what is chosen before it. */
const isIndifferent = ({ kind }: Message): boolean => kind === "confirm" || kind === "forwardReply";
