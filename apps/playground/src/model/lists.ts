/** The place of the last item that fits, or -1. */
export function lastIndex<T>(items: readonly T[], fits: (item: T) => boolean): number {
  for (let index = items.length - 1; index >= 0; index--) {
    const item = items[index];
    if (item !== undefined && fits(item)) return index;
  }
  return -1;
}
