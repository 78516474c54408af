// What the other scripts share: the packages of this workspace, and running a tool of it.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

const published = (parent) =>
  readdirSync(resolve(root, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const dir = resolve(root, parent, name);
      return { dir, manifest: JSON.parse(readFileSync(resolve(dir, "package.json"), "utf8")) };
    })
    .filter(({ manifest }) => !manifest.private);

/** The folders in packages/ that are published, with their manifests. */
export const publishedPackages = published("packages");

/** The same in apps/: programs, which nobody imports. */
export const publishedApps = published("apps");

/**
 * Runs a command with node_modules/.bin in front; resolves to its exit code and all that it printed.
 * `show` also passes the output on while it comes.
 */
export function run(command, args, { cwd = root, show = false } = {}) {
  const env = { ...process.env, PATH: `${resolve(root, "node_modules/.bin")}${delimiter}${process.env.PATH}` };
  return new Promise((done) => {
    let output = "";
    const windows = process.platform === "win32"; // where the tools are .cmd files
    const child = spawn(command, args, { cwd, env, shell: windows, stdio: ["ignore", "pipe", "pipe"] });
    const take = (stream) => (data) => {
      output += data;
      if (show) stream.write(data);
    };
    child.stdout.on("data", take(process.stdout));
    child.stderr.on("data", take(process.stderr));
    child.on("error", (error) => done({ code: 1, output: `${output}${error.message}\n` }));
    child.on("close", (code) => done({ code: code ?? 1, output }));
  });
}
