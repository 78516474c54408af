import { type Links, linksOf } from "./topology.js";

function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((rest) =>
    Array.from({ length: n }, (_, at) => [...rest.slice(0, at), n - 1, ...rest.slice(at)]),
  );
}

/** The pairs of `linksOf`, in its order. */
function pairs(nodes: number, directed: boolean): [number, number][] {
  const all: [number, number][] = [];
  for (let a = 0; a < nodes; a++) for (let b = directed ? 0 : a + 1; b < nodes; b++) if (a !== b) all.push([a, b]);
  return all;
}

/**
 * Masks for `linksOf`: one for each graph, up to renaming of the nodes. Who leads at the cut is drawn anew for each seed, and names matter
 * to nothing but which of two equal rounds is higher, so that one of all names stands for the rest.
 */
export function graphs(nodes: number, directed: boolean): number[] {
  const list = pairs(nodes, directed);
  const bitOf = new Map(
    list.flatMap(
      ([a, b], bit) =>
        (directed
          ? [[`${a}>${b}`, bit]]
          : [
              [`${a}>${b}`, bit],
              [`${b}>${a}`, bit],
            ]) as [string, number][],
    ),
  );
  const maps = permutations(nodes).map((p) => list.map(([a, b]) => bitOf.get(`${p[a]}>${p[b]}`) ?? 0));
  const seen = new Uint8Array(2 ** list.length);
  const found: number[] = [];
  for (let mask = 0; mask < seen.length; mask++) {
    if (seen[mask] === 1) continue;
    found.push(mask);
    for (const map of maps) {
      let image = 0;
      for (let bit = 0; bit < map.length; bit++) if ((mask & (1 << bit)) !== 0) image |= 1 << (map[bit] ?? 0);
      seen[image] = 1;
    }
  }
  return found;
}

export const graphLinks = (nodes: number, directed: boolean): { mask: number; links: Links }[] =>
  graphs(nodes, directed).map((mask) => ({ mask, links: linksOf(nodes, mask, directed) }));
