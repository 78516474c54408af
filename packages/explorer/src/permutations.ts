/** All orders of 0 to n - 1; the identity first. */
export function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((shorter) =>
    Array.from({ length: n }, (_, back) => [...shorter.slice(0, n - 1 - back), n - 1, ...shorter.slice(n - 1 - back)]),
  );
}

/** All sets of `size` of the numbers 0 to n - 1, each ascending. */
export function subsets(n: number, size: number): number[][] {
  if (size === 0) return [[]];
  if (size > n) return [];
  return [...subsets(n - 1, size), ...subsets(n - 1, size - 1).map((smaller) => [...smaller, n - 1])];
}
