import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { type Batch, type BatchResult, runBatch } from "./batches.js";

/**
 * Runs the batches on so many threads; `script` is the program itself, which calls `serveThread` there. Each result is handed
 * over as it comes; nothing more is begun once `onResult` returns false.
 */
export async function onThreads(
  script: string,
  threads: number,
  work: Iterator<Batch>,
  onResult: (result: BatchResult) => boolean,
): Promise<void> {
  let over = false;
  const one = async (): Promise<void> => {
    const worker = new Worker(script);
    try {
      for (let next = work.next(); !over && next.done !== true; next = work.next()) {
        const result = await ask(worker, next.value);
        if (!over && !onResult(result)) over = true;
      }
    } finally {
      await worker.terminate();
    }
  };
  const results = await Promise.allSettled(Array.from({ length: threads }, one));
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

function ask(worker: Worker, batch: Batch): Promise<BatchResult> {
  return new Promise((resolve, reject) => {
    const done = (settle: () => void): void => {
      worker.off("message", onMessage).off("error", onError);
      settle();
    };
    const onMessage = (result: BatchResult): void => done(() => resolve(result));
    const onError = (cause: unknown): void =>
      done(() =>
        reject(new Error(`seeds ${batch.start} to ${batch.start + batch.seeds - 1}, ${batch.profile}`, { cause })),
      );
    worker.on("message", onMessage).on("error", onError);
    worker.postMessage(batch);
  });
}

/** In a thread: answers batches until it is ended. False in the main thread. */
export function serveThread(): boolean {
  if (isMainThread || parentPort === null) return false;
  const port = parentPort;
  port.on("message", (batch: Batch) => {
    // Thrown in an event of its own it ends the thread, and the main one hears of it.
    runBatch(batch).then(
      (result) => port.postMessage(result),
      (error: unknown) =>
        setImmediate(() => {
          throw error;
        }),
    );
  });
  return true;
}
