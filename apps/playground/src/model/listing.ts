import { type Protocol, PROTOCOLS, raftCountsCopies, WHAT_IFS } from "@synod/lecture";
import { type DiffLine, diffLines, withoutImports } from "./diff.js";

/** Part of the code of a protocol, as it is shown: one file, or the line that a what-if exchanges. */
export interface Listing {
  /** The source's path below the lecture's `src`; empty for the exchanged line. */
  readonly file: string;
  /** Said above it. */
  readonly title: string;
  /** With the lines' numbers in that file. */
  readonly lines: readonly DiffLine[];
}

/** The text of a file, by its path. */
export type SourceOf = (file: string) => string;

/** The code that runs, and, where it is a small change to another, what that is. `against`: what the difference is to. */
export function listingsOf(protocol: Protocol, sourceOf: SourceOf): { listings: Listing[]; against: string } {
  const whatIf = [...WHAT_IFS, raftCountsCopies].find((one) => one.protocol.id === protocol.id);
  if (whatIf !== undefined) {
    const lines: DiffLine[] = [
      { text: whatIf.was, change: "gone", line: null },
      { text: whatIf.is, change: "new", line: null },
    ];
    const base = baseOf(protocol.source, sourceOf);
    return { listings: [{ file: "", title: "", lines }, ...base], against: base[0]?.title ?? "" };
  }
  const previous = PROTOCOLS.find((one) => one.id === protocol.previous);
  const before = previous === undefined ? null : sourceOf(previous.source);
  return {
    listings: [
      { file: protocol.source, title: "", lines: numbered(sourceOf(protocol.source), before) },
      ...baseOf(protocol.source, sourceOf),
    ],
    against: previous?.title ?? "",
  };
}

function numbered(source: string, before: string | null): DiffLine[] {
  const text = withoutImports(source);
  const left = source.trimEnd().split("\n").length - text.split("\n").length;
  const lines = diffLines(before === null ? text : withoutImports(before), text);
  return lines.map((one) => ({ ...one, line: one.line === null ? null : one.line + left }));
}

/** The protocol that a file only changes a little. */
function baseOf(file: string, sourceOf: SourceOf): Listing[] {
  const name = /from "\.\/([\w-]+)\.js"/.exec(sourceOf(file))?.[1];
  const base = PROTOCOLS.find((one) => one.source === `protocols/${name}.ts`);
  return base === undefined
    ? []
    : [{ file: base.source, title: base.title, lines: numbered(sourceOf(base.source), null) }];
}
