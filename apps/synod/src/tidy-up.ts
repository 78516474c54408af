const ENDING: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Has something done before a signal ends this process, which it then does as by itself. Further ones change nothing meanwhile: a terminal and
 * a parent may both pass on the same Ctrl-C.
 * @returns undoes that
 */
export function beforeEnd(tidyUp: () => void | Promise<void>): () => void {
  let ending: Promise<void> | null = null;
  const end = async (name: NodeJS.Signals): Promise<void> => {
    try {
      await tidyUp();
    } finally {
      undo();
      process.kill(process.pid, name);
    }
  };
  const handler = (name: NodeJS.Signals): void => void (ending ??= end(name).catch(() => {}));
  const undo = (): void => {
    for (const name of ENDING) process.off(name, handler);
  };
  for (const name of ENDING) process.on(name, handler);
  return undo;
}
