import type { Ballot, NodeId } from "@synod/interface";
import { formatBallot } from "@synod/paxos";
import { Interner } from "../interner.js";
import { type Disk, type Input, Life, type LifeSetup, type Packet, type Seen } from "./lives.js";
import { messageText, valueText } from "./text.js";

/** One life after one more input. */
interface Page {
  readonly me: NodeId;
  /** The page before, null for the first of a life. */
  readonly before: number | null;
  readonly input: Input | null;
  /** The disk that the life began with. */
  readonly start: Disk;
  readonly seen: Seen;
  /** The replica itself, until it is told something else. */
  life: Life | null;
}

/** What was decided for a slot, and the ballot in which a quorum voted for it. */
export interface Decision {
  readonly value: string;
  readonly bytes: Uint8Array;
  readonly ballot: Ballot;
}

function diskText({ promised, votes, chosen, chosenUpTo }: Disk): string {
  const voted = votes.map(({ slot, ballot, value }) => `${slot}:${formatBallot(ballot)}:${valueText(value)}`);
  const learned = chosen.map(({ slot, value }) => `${slot}:${valueText(value)}`);
  return `${formatBallot(promised)} ${voted.join()} ${learned.join()} ${chosenUpTo}`;
}

/**
 * Everything that was told to replicas, by number. A replica cannot be copied, and shows little of itself, so it is named by
 * what it was told: two states are the same if every replica heard the same in the same order since it started, and started
 * with the same disk. What other replicas did meanwhile makes no difference.
 */
export class Book {
  readonly #setup: Omit<LifeSetup, "me" | "disk">;
  readonly #pages: Page[] = [];
  readonly #next = new Map<string, number>();
  readonly packets: Interner<Packet> = new Interner();
  readonly decisions: Interner<Decision | null> = new Interner();
  readonly objections: Interner<string | null> = new Interner();

  constructor(setup: Omit<LifeSetup, "me" | "disk">) {
    this.#setup = setup;
    this.decisions.numberOf("", null);
    this.objections.numberOf("", null);
  }

  seen(page: number): Seen {
    return (this.#pages[page] as Page).seen;
  }

  packet(packet: Packet): number {
    return this.packets.numberOf(`${packet.from}>${packet.to} ${messageText(packet.message)}`, packet);
  }

  decision(decision: Decision): number {
    return this.decisions.numberOf(`${decision.value} ${formatBallot(decision.ballot)}`, decision);
  }

  objection(text: string): number {
    return this.objections.numberOf(text, text);
  }

  /** The first page of a life that begins with this disk. */
  begin(me: NodeId, disk: Disk): number {
    const name = `${me} ${diskText(disk)}`;
    const known = this.#next.get(name);
    if (known !== undefined) return known;
    const life = this.#start(me, disk);
    return this.#write(name, { me, before: null, input: null, start: disk, seen: life.see(), life });
  }

  /** The page after `page` and one more input. `name` tells the input apart from every other one. */
  tell(page: number, name: string, input: Input): number {
    const fullName = `${page}>${name}`;
    const known = this.#next.get(fullName);
    if (known !== undefined) return known;
    const old = this.#pages[page] as Page;
    const life = old.life ?? this.#retell(page);
    old.life = null;
    life.tell(input);
    return this.#write(fullName, { me: old.me, before: page, input, start: old.start, seen: life.see(), life });
  }

  #start(me: NodeId, disk: Disk): Life {
    return new Life({ ...this.#setup, me, disk });
  }

  #retell(page: number): Life {
    const inputs: Input[] = [];
    let at = this.#pages[page] as Page;
    while (at.before !== null) {
      if (at.input !== null) inputs.push(at.input);
      at = this.#pages[at.before] as Page;
    }
    const life = this.#start(at.me, at.start);
    for (const input of inputs.reverse()) life.tell(input);
    return life;
  }

  #write(name: string, page: Page): number {
    this.#next.set(name, this.#pages.length);
    return this.#pages.push(page) - 1;
  }
}
