// Runs turbo with its telemetry off and the workspace's own pnpm in front.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, resolve } from "node:path";

if (!existsSync("node_modules/turbo")) {
  console.error("Nothing is installed yet: run `npm run setup` first.");
  process.exit(1);
}
const PATH = `${resolve("node_modules/.bin")}${delimiter}${process.env.PATH}`;
const env = { ...process.env, PATH, TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1", TURBO_NO_UPDATE_NOTIFIER: "1" };
const args = ["node_modules/turbo/bin/turbo", "run", ...process.argv.slice(2)];
process.exit(spawnSync(process.execPath, args, { stdio: "inherit", env }).status ?? 1);
