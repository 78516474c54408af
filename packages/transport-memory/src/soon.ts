interface Host {
  setImmediate?: (callback: () => void) => unknown;
  setTimeout: (callback: () => void, delayMs: number) => unknown;
  MessageChannel?: new () => { port1: Port; port2: Port };
}

interface Port {
  onmessage: ((event: unknown) => void) | null;
  postMessage(value: unknown): void;
}

/** Calls in a turn of the event loop of its own. */
export function hostSoon(): (callback: () => void) => void {
  const host = globalThis as unknown as Host;
  const { setImmediate: immediate } = host;
  if (immediate !== undefined) return (callback) => void immediate(callback);
  if (host.MessageChannel === undefined) return (callback) => void host.setTimeout(callback, 0);
  // Browsers round nested timers up to 4 ms; messages arrive at once.
  const { port1, port2 } = new host.MessageChannel();
  const waiting: (() => void)[] = [];
  port1.onmessage = () => waiting.shift()?.();
  return (callback) => {
    waiting.push(callback);
    port2.postMessage(null);
  };
}
