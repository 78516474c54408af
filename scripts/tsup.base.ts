import { defineConfig, type Options } from "tsup";

type Config = ReturnType<typeof defineConfig>;

const base: Options = {
  format: "esm",
  target: "es2022",
  sourcemap: true,
  clean: true,
  silent: true,
  // Otherwise tsup turns `node:net` into `net`.
  removeNodeProtocol: false,
};

const library = (platform: "neutral" | "node", entry: string[]): Config =>
  defineConfig({
    ...base,
    platform,
    entry,
    // TypeScript 6 refuses options that tsup sets by itself, unless told to let them pass.
    dts: { compilerOptions: { ignoreDeprecations: "6.0" } },
  });

/** A published package that also runs in a browser: the build refuses modules of Node.js. */
export const browserSafe = (entry: string[] = ["src/index.ts"]): Config => library("neutral", entry);

/** A published package for Node.js. */
export const nodeOnly = (entry: string[] = ["src/index.ts"]): Config => library("node", entry);

/** An app of this repository: never imported, so no declarations. */
export const app = (entry: string[] = ["src/main.ts"]): Config => defineConfig({ ...base, platform: "node", entry });
