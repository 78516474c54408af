// The lockfile must hold no host name: everyone installs from the registry that they have set.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { root } from "./workspace.mjs";

// An address, a tarball that is not where the registry puts it, or a dotted name that ends like a host with a port or path.
const suspicious = /[a-z+]+:\/\/|\btarball:|\bregistry\b|\b(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|local|internal)[:/]/i;

for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml"]) {
  const lines = readFileSync(resolve(root, file), "utf8").split("\n");
  lines.forEach((line, index) => {
    if (!suspicious.test(line)) return;
    console.log(`${file}:${index + 1}: ${line.trim()}`);
    process.exitCode = 1;
  });
}
console.log(process.exitCode ? "the lockfile names a host" : "the lockfile names no host");
