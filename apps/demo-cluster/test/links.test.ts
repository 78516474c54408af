import { describe, expect, it } from "vitest";
import { Links, pairsOf, topology } from "../src/links.js";

describe("the links", () => {
  it("are a star or a chain of the replicas that there are", () => {
    const ids = [1, 3, 4, 7];
    expect(topology(ids, { center: 4 })).toEqual([
      [1, 4],
      [3, 4],
      [4, 7],
    ]);
    expect(topology(ids, "chain")).toEqual([
      [1, 3],
      [3, 4],
      [4, 7],
    ]);
    expect(pairsOf(ids)).toHaveLength(6);
    expect(topology([5], "chain")).toEqual([]);
  });

  it("go with a replica that goes", () => {
    const links = new Links();
    links.cut(3, 1);
    links.cut(2, 1);
    links.cut(3, 2);
    links.forget(1);
    expect(links.pairs).toEqual([[2, 3]]);
    expect(links.cutFrom(3)).toEqual([2]);
  });
});
