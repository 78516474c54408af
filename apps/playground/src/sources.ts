const files = import.meta.glob<string>("../../../packages/lecture/src/protocols/*.ts", {
  query: "?raw",
  import: "default",
  eager: true,
});

/** The source of a protocol, by its path below the package's `src`. */
export function sourceOf(path: string): string {
  return Object.entries(files).find(([name]) => name.endsWith(`/src/${path}`))?.[1] ?? "";
}
