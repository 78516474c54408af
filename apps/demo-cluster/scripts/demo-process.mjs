// The demo, as a process of its own.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { END_MS, inTime } from "../../../scripts/browser.mjs";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));
/** `address` of its page; `end` settles when it is gone. */
export function startDemo() {
  const child = spawn(process.execPath, [MAIN, "--page"], { stdio: ["ignore", "pipe", "inherit"] });
  const address = new Promise((resolve, reject) => {
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (part) => {
      text += part;
      const found = /^Page: (\S+)$/m.exec(text);
      if (found !== null) resolve(found[1]);
    });
    child.on("exit", () => reject(new Error(`the demo ended: ${text}`)));
  });
  address.catch(() => undefined);
  const ended = new Promise((resolve) => child.on("exit", resolve));
  const end = async () => {
    child.kill("SIGTERM");
    // Its replicas end with it.
    await inTime("the demo ends", END_MS, ended).finally(() => child.kill("SIGKILL"));
  };
  return { address, end };
}
