import { SingleBar } from "cli-progress";

/** A progress bar on the error stream, where that is a terminal. */
export function bar(name: string): { update(share: number, perSecond: number): void; end(): void } {
  if (!process.stderr.isTTY) return { update() {}, end() {} };
  const shown = new SingleBar({
    format: `${name.padEnd(24)} {bar} {percentage} % {perSecond}/s`,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
  });
  shown.start(100, 0, { perSecond: 0 });
  return {
    update: (share, perSecond) => shown.update(Math.round(100 * share), { perSecond: Math.round(perSecond) }),
    end: () => shown.stop(),
  };
}
