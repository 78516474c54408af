// The examples of the docs are programs: every code block that opens with ```ts run is typechecked and executed against
// the sources. It fails if it throws, or if what it prints differs from its `// prints: ...` lines.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { format } from "node:util";
import { afterEach, expect, test, vi } from "vitest";
import { examplesIn, typeErrors } from "./examples.ts";
import { read, root } from "./files.ts";

const pages = [
  "README.md",
  ...readdirSync(join(root, "packages")).map((name) => `packages/${name}/README.md`),
  ...readdirSync(join(root, "apps")).map((name) => `apps/${name}/README.md`),
  ...(existsSync(join(root, "docs")) ? readdirSync(join(root, "docs")).map((name) => `docs/${name}`) : []),
].filter((path) => path.endsWith(".md") && existsSync(join(root, path)));

// Inside tests/, so that `@synod/*` is found; the folder is ignored by git.
const folder = join(import.meta.dirname, ".examples");
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const examples = pages
  .flatMap((path) => examplesIn(path, read(path)))
  .map((example) => {
    const file = join(folder, `${example.at.replace(/[^\w-]+/g, "_")}.ts`);
    writeFileSync(file, `${example.code}export {};\n`);
    return { ...example, file };
  });

afterEach(() => {
  vi.restoreAllMocks();
});

async function printedBy(file: string): Promise<string[]> {
  const printed: string[] = [];
  vi.spyOn(console, "log").mockImplementation((...values: unknown[]) => void printed.push(format(...values)));
  await import(/* @vite-ignore */ pathToFileURL(file).href);
  return printed;
}

test.skipIf(examples.length === 0)("the examples typecheck", { timeout: 240_000 }, () => {
  const errors = typeErrors(
    examples.map(({ file }) => file),
    join(import.meta.dirname, "tsconfig.json"),
  );
  expect(errors).toEqual([]);
});

for (const { at, file, prints } of examples) {
  test(`the example at ${at} runs`, { timeout: 120_000 }, async () => {
    expect(await printedBy(file)).toEqual(prints);
  });
}

test("a block runs, prints what it says, and fails if it throws", async () => {
  const markdown =
    "```ts run\nconst x: number = 1;\nconsole.log('x', x); // prints: x 1\n```\n```ts\nnot run\n```\n```ts run\nthrow new Error('no');\n```\n";
  const [good, bad, ...others] = examplesIn("page.md", markdown);
  expect(others).toEqual([]);
  expect(good).toMatchObject({ at: "page.md:1", prints: ["x 1"] });
  for (const [name, example] of Object.entries({ good, bad })) {
    writeFileSync(join(folder, `self-${name}.ts`), `${example?.code}export {};\n`);
  }
  expect(await printedBy(join(folder, "self-good.ts"))).toEqual(["x 1"]);
  await expect(printedBy(join(folder, "self-bad.ts"))).rejects.toThrow("no");
});
