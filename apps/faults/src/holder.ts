// A process that takes a lock, writes under it, and gives it back: started by locks.ts, which may stop or kill it at any point.
import { setTimeout as delay } from "node:timers/promises";
import { jsonValues, type Lock } from "@synod/coordination";
import { SynodError } from "@synod/interface";
import { connected } from "./connect.js";
import { type FromHolder, KEY, LOCK, nowMs, type ToHolder } from "./messages.js";
import { Seeded } from "./random.js";

const TTL_MS = 1_000;

const [cluster = "", servers = "", seed = "0"] = process.argv.slice(2);
const random = new Seeded(Number(seed));
const tell = (message: FromHolder): void => void process.send?.(message);

async function main(): Promise<void> {
  const { all, close } = await connected(cluster, servers.split(","), "holder");
  const stored = all.kv.as(jsonValues<number>());
  let ending = false;
  let answered: (admitted: boolean) => void = () => {};
  process.on("message", (message: ToHolder) => {
    if (message.kind === "end") ending = true;
    else answered(message.admitted);
  });
  // Whoever started this is gone.
  process.on("disconnect", () => process.exit(0));

  const writes = async (lock: Lock): Promise<void> => {
    for (let left = 1 + random.below(8); left > 0 && !ending; left--) {
      const heldMs = nowMs();
      if (!lock.held) return;
      if (random.chance(0.3)) {
        const condition = { held: lock.resource, fencingToken: lock.fencingToken };
        const put = { kind: "put", key: KEY, value: lock.fencingToken } as const;
        tell({ kind: "stored", done: (await stored.transaction({ if: [condition], do: [put] })).succeeded });
        continue;
      }
      tell({ kind: "armed" });
      await delay(random.between(0, 30));
      const admitted = new Promise<boolean>((resolve) => (answered = resolve));
      tell({ kind: "write", token: lock.fencingToken, heldMs });
      if (!(await admitted)) return;
      await delay(random.between(0, 60));
    }
  };
  while (!ending) {
    const askedMs = nowMs();
    try {
      const lock = await all.locks.acquire(LOCK, { ttlMs: TTL_MS, waitMs: 5_000 });
      tell({ kind: "granted", token: lock.fencingToken, askedMs, grantedMs: nowMs() });
      try {
        await writes(lock);
      } finally {
        await lock.release();
      }
    } catch (error) {
      // Not granted, lost, no leader: what locks are for. Anything else ends the process, and is seen.
      if (!(error instanceof SynodError)) throw error;
    }
    await delay(random.between(0, 40));
  }
  await close();
  process.disconnect();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
  if (process.connected) process.disconnect();
});
