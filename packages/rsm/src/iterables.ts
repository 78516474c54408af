/** An iterable whose first element has been pulled already, and that can be given up at any time. */
export function started<T>(source: Iterable<T>): Iterable<T> & { return(): void } {
  const iterator = source[Symbol.iterator]();
  let first: IteratorResult<T> | null = iterator.next();
  const next = (): IteratorResult<T> => {
    const result = first ?? iterator.next();
    first = null;
    return result;
  };
  return { [Symbol.iterator]: () => ({ next }), return: () => void iterator.return?.() };
}

/** The values of pairs. */
export function* second<T>(pairs: Iterable<readonly [unknown, T]>): Generator<T> {
  for (const [, value] of pairs) yield value;
}
