import { detectorTimeout, type FailureDetector, failureDetector, heartbeat, leaderAmong } from "@synod/lecture";
import { type Driver, feedOf, gives } from "../driver.js";
import type { Case } from "../notation.js";
import { integerOf, parseIds, Start } from "../terms.js";

/** The failure detector of @synod/lecture. */
export const failures: Driver = {
  subject: "@synod/lecture",
  start(one: Case) {
    const start = new Start(one);
    const ids = idsOf(start);
    let detector: FailureDetector = {
      ...failureDetector(ids, start.integer("delta", 100)),
      alive: start.has("alive") ? start.list("alive").map(integerOf) : ids,
      suspected: start.list("suspected").map(integerOf),
    };
    return feedOf("a failure detector", [
      [
        /^TIMEOUT$/i,
        () => {
          const { detector: next, changes } = detectorTimeout(detector);
          detector = next;
          const said = changes.map(({ kind, id }) => `${kind.toUpperCase()} ${id}`);
          return gives(...said, `delay ${detector.delayMs}`);
        },
      ],
      [/^HB_REQ n?(\d+)$/i, (id = "") => gives(`HB_REPLY to n${id}`)],
      [
        /^HB_REPLY n?(\d+)$/i,
        (id = "") => {
          detector = heartbeat(detector, integerOf(id));
          return gives();
        },
      ],
    ]);
  },
};

/** The leader detector of @synod/lecture, told of every suspicion. */
export const leaders: Driver = {
  subject: "@synod/lecture",
  start(one: Case) {
    const start = new Start(one);
    const ids = idsOf(start);
    let suspected: readonly number[] = start.list("suspected").map(integerOf);
    const textOf = (leader: number | null): string => (leader === null ? "none" : String(leader));
    const change = (next: readonly number[]): string | null => {
      const before = leaderAmong(ids, suspected);
      suspected = next;
      const after = leaderAmong(ids, suspected);
      return before === after ? null : `TRUST ${textOf(after)}`;
    };
    return feedOf("a leader detector", [
      [/^LEADER$/i, () => gives(textOf(leaderAmong(ids, suspected)))],
      [/^SUSPECT n?(-?\d+)$/i, (id = "") => gives(change([...suspected, integerOf(id)]))],
      [/^RESTORE n?(-?\d+)$/i, (id = "") => gives(change(suspected.filter((other) => other !== integerOf(id))))],
    ]);
  },
};

function idsOf(start: Start): number[] {
  return start.has("ids") ? parseIds(`[${start.list("ids").join(", ")}]`) : start.members();
}
