import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { filesUnder, read, root } from "./files.ts";
import { complaints, importsOf, mayImport } from "./laws.ts";

interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

const foldersIn = (parent: string): string[] =>
  readdirSync(join(root, parent)).filter((name) => existsSync(join(root, parent, name, "package.json")));
const packages = foldersIn("packages");
const apps = foldersIn("apps");

const manifestOf = (folder: string): Manifest => JSON.parse(read(`${folder}/package.json`)) as Manifest;
const isScript = (path: string): boolean => /\.[cm]?tsx?$/.test(path);
const sourcesOf = (folder: string): string[] => filesUnder(`${folder}/src`).filter(isScript);
const synod = (dependencies: Record<string, string> = {}): string[] =>
  Object.keys(dependencies)
    .filter((name) => name.startsWith("@synod/"))
    .map((name) => name.slice("@synod/".length));
const packageNameIn = (specifier: string): string | undefined => /^@synod\/([^/]+)/.exec(specifier)?.[1];

describe("who may import whom, and purity", () => {
  test.each(packages)("the sources of %s keep the laws", (name) => {
    expect(sourcesOf(`packages/${name}`).flatMap((path) => complaints(name, path, read(path)))).toEqual([]);
  });

  test.each(packages)("the manifest of %s agrees with its imports", (name) => {
    const manifest = manifestOf(`packages/${name}`);
    const declared = synod({ ...manifest.dependencies, ...manifest.peerDependencies });
    const allowed = (mayImport(name) ?? []).map((entry) => entry.split("/")[0]);
    const imported = sourcesOf(`packages/${name}`)
      .flatMap((path) => importsOf(path, read(path)))
      .flatMap(({ specifier }) => packageNameIn(specifier) ?? []);

    expect(manifest.name).toBe(`@synod/${name}`);
    expect(declared.filter((dependency) => !allowed.includes(dependency))).toEqual([]);
    expect(imported.filter((dependency) => !declared.includes(dependency))).toEqual([]);
  });

  test("there is no circle", () => {
    const reach = (name: string, path: string[]): void => {
      expect(path, `${[...path, name].join(" -> ")}`).not.toContain(name);
      for (const next of mayImport(name) ?? []) reach(next.split("/")[0] ?? "", [...path, name]);
    };
    for (const name of packages) reach(name, []);
  });

  test("no package and no test stands on an app", () => {
    const above = new Set(apps);
    const manifests = [...packages.map((name) => `packages/${name}`), "tests"].map(manifestOf);
    for (const { name, dependencies, devDependencies } of manifests) {
      expect(
        synod({ ...dependencies, ...devDependencies }).filter((other) => above.has(other)),
        name,
      ).toEqual([]);
    }
    const tests = [...packages.map((name) => `packages/${name}`), "tests"].flatMap(filesUnder).filter(isScript);
    for (const path of tests) {
      for (const { specifier } of importsOf(path, read(path))) {
        expect(above.has(packageNameIn(specifier) ?? ""), `${path} imports ${specifier}`).toBe(false);
        expect(specifier, path).not.toMatch(/^\.\.?\/(.*\/)?apps\//);
      }
    }
  });

  test("the tests of the workspace can reach every package", () => {
    expect(new Set(synod(manifestOf("tests").devDependencies))).toEqual(new Set(packages));
  });
});

test("no file names a place on somebody's machine", () => {
  // Not found in this file itself, since the pattern needs a letter after the last slash.
  const place = /(?<![\w.:/-])(\/(home|Users|root|work)\/[\w.]|[A-Z]:\\\\?Users\\)/;
  const folders = ["packages", "apps", "tests", "scripts", "docs", "types", ".ci", ".github", ".changeset"];
  const loose = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isFile());
  const files = [
    ...folders.filter((name) => existsSync(join(root, name))).flatMap(filesUnder),
    ...loose.map((f) => f.name),
  ];
  const text = files.filter((path) => /\.(ts|js|mjs|json|md|ya?ml|html|css|cases)$|^\.ci\//.test(path));
  expect(text.filter((path) => place.test(read(path)))).toEqual([]);
});

describe("each rule bites", () => {
  const at = (name: string, text: string): string[] => complaints(name, `packages/${name}/src/x.ts`, text);
  test.each<[string, string, string]>([
    ["interface", `import { x } from "@synod/paxos";`, "may not import @synod/paxos"],
    ["paxos", `export { x } from "@synod/multipaxos";`, "may not import @synod/multipaxos"],
    ["rsm", `type X = import("@synod/node").X;`, "may not import @synod/node"],
    ["node", `const x = import("@synod/codec-msgpack");`, "may not import @synod/codec-msgpack"],
    ["transport-tcp", `import type { X } from "@synod/multipaxos";`, "may not import @synod/multipaxos"],
    ["client", `import { x } from "@synod/transport-tcp";`, "may not import @synod/transport-tcp"],
    ["paxos", `import { x } from "@synod/demo-cluster";`, "may not import @synod/demo-cluster"],
    ["paxos", `import { x } from "../../rsm/src/index.ts";`, "leaves its package"],
    ["paxos", `import { x } from "left-pad";`, "the core is pure"],
    ["rsm", `import { systemClock } from "@synod/interface/host";`, "the core is pure"],
    ["multipaxos", `const x = import(name);`, "may not import (computed)"],
    ["interface", `import { readFile } from "node:fs";`, "it runs in browsers too"],
    ["transport-memory", `import { EventEmitter } from "events";`, "it runs in browsers too"],
    ["codec-msgpack", `const x = Buffer.alloc(1);`, "may not use Buffer"],
    ["interface", `const x = process.env;`, "may not use process"],
    ["paxos", `const x = Date.now();`, "may not use Date"],
    ["paxos", `const x = new Date();`, "may not use Date"],
    ["rsm", `const x = Math.random();`, "may not use Math.random"],
    ["rsm", `const { random } = Math;`, "may not use Math.random"],
    ["rsm", `const x = Math["random"]();`, "may not use Math.random"],
    ["multipaxos", `const x = performance.now();`, "may not use performance"],
    ["multipaxos", `setTimeout(f, 1);`, "may not use setTimeout"],
    ["multipaxos", `setInterval(f, 1);`, "may not use setInterval"],
    ["multipaxos", `const later = setImmediate;`, "may not use setImmediate"],
    ["multipaxos", `queueMicrotask(f);`, "may not use queueMicrotask"],
    ["multipaxos", `const x = globalThis["set" + "Timeout"];`, "may not use globalThis"],
    ["paxos", `let x: Promise<void>;`, "may not use Promise"],
    ["paxos", `Promise.resolve().then(f);`, "may not use Promise"],
    ["paxos", `const f = async () => 1;`, "may not use async"],
    ["paxos", `class X { async f() {} }`, "may not use async"],
    ["paxos", `await f();`, "may not use await"],
    ["paxos", `for await (const x of xs) f(x);`, "may not use for await"],
    ["paxos", `await using x = f();`, "may not use await using"],
    ["paxos", `const x = { Date };`, "may not use Date"],
    ["paxos", `declare const Date: { now(): number };\nDate.now();`, "may not use Date"],
    ["paxos", `function f(process: number) { return process; }\nprocess.exit();`, "x.ts:2 may not use process"],
    ["rsm", `names.sort((a, b) => a.localeCompare(b));`, "may not use localeCompare"],
    ["newcomer", `export {};`, "no rule says"],
  ])("in %s: %s", (name, text, complaint) => {
    expect(at(name, text).join("\n")).toContain(complaint);
  });

  test.each<[string, string]>([
    ["multipaxos", `import { x } from "@synod/paxos"; import { y } from "./y.ts"; import { z } from "../src/z.ts";`],
    ["client", `import { x } from "@synod/transport-tcp/framing";`],
    ["storage-file", `import { open } from "node:fs"; const x = Buffer.alloc(1), y = Date.now(), z = async () => {};`],
    ["transport-memory", `const x = Promise.resolve(); const y = async () => 1;`],
    ["node", `import { systemClock } from "@synod/interface/host";`],
    ["codec-msgpack", `import { pack } from "msgpackr";`],
    ["paxos", `const x = Math.max(1, 2); interface Y { process: number; Date(): void } const z = y.performance;`],
    ["multipaxos", `const f = (window: number) => window; const self = 1; const x = { self }; export { self };`],
    ["paxos", `// Date and Promise in a comment\nconst text = "setTimeout";`],
  ])("and lets pass what is allowed in %s: %s", (name, text) => {
    expect(at(name, text)).toEqual([]);
  });
});
