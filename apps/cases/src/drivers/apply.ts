import type { Slot } from "@synod/interface";
import { Acceptor, ChosenLog, WriteBuffer } from "@synod/multipaxos";
import { highestBallot } from "@synod/paxos";
import { type Driver, feedOf, type Given, gives } from "../driver.js";
import type { Case } from "../notation.js";
import { ballotOf, decodeValue, encodeValue, integerOf, Start } from "../terms.js";

/** The chosen log of a replica on top of its acceptor. (A replica takes in snapshots only where it starts.) */
export const apply: Driver = {
  subject: "@synod/multipaxos",
  start(one: Case) {
    const { acceptor, log } = partsOf(new Start(one));

    const applied = (): string[] =>
      log.takeReady().map(({ slot, value }) => {
        const text = decodeValue(value);
        return text === "noop" ? `SKIP s${slot}` : `APPLY s${slot} ${text}`;
      });
    const commit = (ballot: string, upTo: string): Given => {
      log.announce(ballotOf(ballot), integerOf(upTo));
      const runs = applied();
      const missing = log.missing(Number.POSITIVE_INFINITY).flatMap(([first, last]) => slotsOf(first, last));
      if (missing.length === 0) return gives(...runs);
      const fetch = `FETCH [${missing.join(", ")}]`;
      // Asking a peer and executing do not depend on each other.
      return { outputs: [...runs, fetch], also: [[fetch, ...runs]] };
    };
    const learn = (slot: string, value: string): Given => {
      log.learn(integerOf(slot), encodeValue(value));
      return gives(...applied());
    };
    const vote = (ballotText: string, slotText: string, text: string): Given => {
      const [ballot, slot, value] = [ballotOf(ballotText), integerOf(slotText), encodeValue(text)];
      if (acceptor.accept(ballot, slot, value).kind === "voted") log.voted({ slot, ballot, value });
      return gives(...applied());
    };
    const install = (index: string): Given => {
      const news = log.install(integerOf(index));
      return gives(news ? `RESTORE ${index}` : null, ...applied());
    };
    return feedOf("an apply row", [
      [/^COMMIT (\S+) upto s?(\d+)$/i, (b = "", k = "") => commit(b, k)],
      [/^LEARN s(\d+) (.+)$/i, (slot = "", value = "") => learn(slot, value)],
      [/^VOTE (\S+) s(\d+) (.+)$/i, (b = "", slot = "", value = "") => vote(b, slot, value)],
      [/^INSTALL s?(\d+)$/i, (k = "") => install(k)],
    ]);
  },
};

function partsOf(start: Start): { readonly acceptor: Acceptor; readonly log: ChosenLog } {
  const applied = Math.max(start.integer("applied", 0), start.integer("snap", 0), start.integer("adu", 0));
  const votes = start.votes().map((vote) => ({ ...vote, value: encodeValue(vote.value) }));
  const promised = votes.reduce((highest, { ballot }) => highestBallot(highest, ballot), start.ballot("promised"));
  const snapshotIndex = start.integer("snap", 0);
  const acceptor = new Acceptor({ promised, votes, snapshotIndex }, new WriteBuffer(applied));
  return { acceptor, log: new ChosenLog(applied, acceptor) };
}

function slotsOf(first: Slot, last: Slot): Slot[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
