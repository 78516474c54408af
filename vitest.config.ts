import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// Sources instead of dist for @synod/* packages: tests need no build. (The rest are Vite's own defaults for Node.)
const conditions = ["@synod/source", "module", "node", "development|production"];

const folders = ["packages", "apps"].flatMap((parent) => readdirSync(parent).map((name) => `${parent}/${name}`));
const project = (name: string, root: string, include: string[]) => ({
  extends: true as const,
  root,
  test: { name, include },
});

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ["@synod/source"] } },
  test: {
    environment: "node",
    reporters: ["default", "./scripts/vitest-reporter.ts"],
    // These end what hangs; no test goes by them, and a busy machine takes its time.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // As long as a test: what is polled for comes when the machine gets to it.
    expect: { poll: { timeout: 20_000 } },
    // Vitest leaves one core free; of two cores that is half the machine.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      ...folders
        .filter((folder) => existsSync(`${folder}/package.json`))
        .map((folder) => project(folder.replace(/^.*\//, ""), folder, ["test/**/*.test.ts"])),
      project("examples", "examples", ["*.test.ts", "*/*.test.ts"]),
      project("workspace", "tests", ["*.test.ts", "system/*.test.ts"]),
    ],
  },
});
