// What the page makes of what it is sent.
import { describe, expect, it } from "vitest";
import { cutsOf, leaderships, linkState, rateOf, roleOf, roundOf, silenceOf } from "../src/page/looks.js";
import type { ClusterView, ReplicaView } from "../src/view.js";

const replica = (id: number, fields: Partial<ReplicaView> = {}): ReplicaView =>
  ({
    id,
    state: "running",
    role: "follower",
    part: "voter",
    pid: 100 + id,
    heard: [1, 2, 3],
    ...fields,
  }) as ReplicaView;

const view = (fields: Partial<ClusterView> = {}): ClusterView =>
  ({ replicas: [1, 2, 3].map((id) => replica(id)), cuts: [], links: [], ...fields }) as ClusterView;

it("knows for how long nobody was answered", () => {
  const at = (atMs: number, perSecond: number) => ({ atMs, perSecond });
  expect(silenceOf([at(100, 9), at(200, 7), at(300, 0), at(1_400, 0)])).toBe(1_200);
  expect(silenceOf([at(100, 0)])).toBeNull();
});

describe("a link", () => {
  it("is cut, down, silent or up, in this order of importance", () => {
    expect(linkState(view(), 1, 2)).toBe("up");
    expect(linkState(view({ cuts: [[1, 2]] }), 2, 1)).toBe("cut");
    const silent = [replica(1, { heard: [] }), replica(2, { heard: [] })];
    expect(linkState(view({ replicas: silent }), 1, 2)).toBe("silent");
    expect(linkState(view({ replicas: [replica(1), replica(2, { pid: null })] }), 1, 2)).toBe("down");
    expect(linkState(view({ replicas: silent, cuts: [[1, 2]] }), 1, 2)).toBe("cut");
  });

  it("has a rate in each direction", () => {
    const links = [
      [1, 2, 40],
      [2, 1, 7],
    ] as const;
    expect([rateOf(view({ links }), 1, 2), rateOf(view({ links }), 2, 1), rateOf(view({ links }), 1, 3)]).toEqual([
      40, 7, 0,
    ]);
    expect(
      cutsOf(
        view({
          cuts: [
            [1, 2],
            [2, 3],
            [1, 3],
          ],
        }),
        3,
      ),
    ).toEqual([
      [2, 3],
      [1, 3],
    ]);
  });
});

describe("a server", () => {
  it("has one word", () => {
    expect(roleOf(replica(1, { role: "leader" }))).toBe("leader");
    expect(roleOf(replica(1, { role: "leader", state: "paused" }))).toBe("paused");
    expect(roleOf(replica(1, { state: "failed" }))).toBe("down");
    expect(roleOf(replica(1, { part: "joining" }))).toBe("joining");
    expect(roleOf(replica(1, { part: "none" }))).toBe("no member");
    expect([roundOf(null), roundOf({ round: 9, node: 2 })]).toEqual(["none yet", "9·S2"]);
  });
});

describe("leaderships", () => {
  it("are pieced together from single looks, and may overlap", () => {
    const samples = [
      { atMs: 100, leaders: [[1, 4]] },
      { atMs: 200, leaders: [[1, 4]] },
      {
        atMs: 300,
        leaders: [
          [1, 4],
          [2, 9],
        ],
      },
      { atMs: 400, leaders: [[2, 9]] },
      { atMs: 500, leaders: [] },
      { atMs: 600, leaders: [[2, 10]] },
    ] as const;
    expect(leaderships(samples)).toEqual([
      { id: 1, round: 4, fromMs: 100, toMs: 300 },
      { id: 2, round: 9, fromMs: 200, toMs: 400 },
      { id: 2, round: 10, fromMs: 500, toMs: 600 },
    ]);
  });
});
