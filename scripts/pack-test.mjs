// Packs every published package, installs the tarballs in an empty project and uses them there: by `import`, by
// `require`, and through their types. What works inside the workspace proves nothing about what people install.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import ts from "typescript";
import { publishedApps, publishedPackages, root, run } from "./workspace.mjs";

const project = mkdtempSync(join(tmpdir(), "synod-pack-"));

async function must(what, command, args, cwd = project) {
  const { code, output } = await run(command, args, { cwd });
  if (code !== 0) throw new Error(`${what} failed\n${output}`);
  return output;
}

const libraryFiles = ["README.md", "src/index.ts", "dist/index.js", "dist/index.js.map", "dist/index.d.ts"];
const appFiles = ["README.md", "dist/main.js", "dist/LICENSES.txt"];

const pack =
  (wanted) =>
  async ({ dir, manifest }) => {
    const { filename, files } = JSON.parse(
      await must("pnpm pack", "pnpm", ["pack", "--json", "--pack-destination", project], dir),
    );
    const paths = new Set(files.map((file) => file.path));
    for (const file of wanted) {
      if (!paths.has(file)) throw new Error(`${manifest.name}: the tarball lacks ${file}`);
    }
    return [manifest.name, `file:${filename}`];
  };

/** As people run it for the first time. */
async function commandLine() {
  const synod = (...args) => must(`synod ${args.join(" ")}`, "npx", ["--no-install", "synod", ...args]);
  const { version } = publishedApps.find(({ manifest }) => manifest.name === "@synod/cli").manifest;
  const said = await synod("--version");
  if (!said.split("\n").includes(version)) throw new Error(`synod --version says ${said}, not ${version}`);
  const node = ["--cluster", "shop", "--id", "1", "--members", "1=127.0.0.1:7100", "--data-dir", "data"];
  await synod("init", ...node);
  if (!(await synod("dump", "--data-dir", "data", "--json")).includes('"clusterId":"shop"')) {
    throw new Error("synod dump does not show the cluster that synod init formatted for");
  }
  const again = await run("npx", ["--no-install", "synod", "init", ...node], { cwd: project });
  if (again.code !== 7) throw new Error(`a second synod init ended with ${again.code}, not with 7`);
}

/** The examples that people copy first, each as a plain script: a process must stay alive for as long as a call is open. */
async function quickStarts() {
  for (const page of ["README.md", "packages/node/README.md"]) {
    const [, code] = /^```ts run\n([\s\S]*?)^```/m.exec(readFileSync(join(root, page), "utf8")) ?? [];
    if (code === undefined) throw new Error(`${page} has no example to run`);
    const options = { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } };
    writeFileSync(join(project, "example.mjs"), ts.transpileModule(code, options).outputText);
    const wanted = [...code.matchAll(/\/\/ prints: (.*)$/gm)].map(([, text]) => text);
    const printed = await must(`the example of ${page}`, "node", ["example.mjs"]);
    if (printed.trim() !== wanted.join("\n"))
      throw new Error(`the example of ${page} printed\n${printed}\nand not\n${wanted.join("\n")}`);
  }
}

/** Every name that can be imported: `@synod/x` and its subpaths, with whether its source exports a value so far. */
const entries = publishedPackages.flatMap(({ dir, manifest }) =>
  Object.entries(manifest.exports)
    .filter(([, target]) => typeof target === "object")
    .map(([subpath, target]) => ({
      name: `${manifest.name}${subpath.slice(1)}`,
      empty: readFileSync(join(dir, target["@synod/source"]), "utf8").trim() === "export {};",
    })),
);

const check = (load) => `
const entries = ${JSON.stringify(entries)};
for (const { name, empty } of entries) {
  const names = Object.keys(${load}).filter((key) => key !== "__esModule");
  if (names.length === 0 && !empty) throw new Error(name + " exports nothing");
}
`;

try {
  const packed = [...publishedPackages.map(pack(libraryFiles)), ...publishedApps.map(pack(appFiles))];
  const dependencies = Object.fromEntries(await Promise.all(packed));
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "empty", private: true, dependencies }));
  await must("npm install", "npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", "--no-package-lock"]);

  writeFileSync(join(project, "esm.mjs"), check("await import(name)"));
  await must("import", "node", ["esm.mjs"]);
  writeFileSync(join(project, "commonjs.cjs"), check("require(name)"));
  await must("require", "node", ["commonjs.cjs"]);

  writeFileSync(join(project, "types.mts"), entries.map(({ name }) => `import "${name}";\n`).join(""));
  const compilerOptions = {
    module: "nodenext",
    target: "es2022",
    lib: ["es2022", "esnext.disposable"],
    strict: true,
    noEmit: true,
    noUncheckedSideEffectImports: true,
    typeRoots: [resolve(root, "node_modules/@types")],
    types: ["node"],
  };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["types.mts"] }));
  await must("tsc", "tsc", ["--project", "tsconfig.json"]);
  await quickStarts();
  await commandLine();
  console.log(
    `${Object.keys(dependencies).length} packages install and run in an empty project: import, require, types, quick starts, synod`,
  );
} catch (error) {
  console.log(error.message);
  process.exitCode = 1;
} finally {
  rmSync(project, { recursive: true, force: true });
}
