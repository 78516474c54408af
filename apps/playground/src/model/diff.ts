/** A line of a source, and whether the step before had it. */
export interface DiffLine {
  readonly text: string;
  readonly change: "same" | "new" | "gone";
  /** Where it stands in the later one, from 1; null for what is gone. */
  readonly line: number | null;
}

/** The lines of `after`, with those that are not in `before` and, if wanted, those that are gone. By longest common subsequence. */
export function diffLines(before: string, after: string): DiffLine[] {
  const [a, b] = [before.split("\n"), after.split("\n")];
  const width = b.length + 1;
  const length = new Uint16Array((a.length + 1) * width);
  const at = (i: number, j: number): number => length[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      length[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ text: b[j] ?? "", change: "same", line: j + 1 });
      i++;
      j++;
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ text: a[i] ?? "", change: "gone", line: null });
      i++;
    } else {
      lines.push({ text: b[j] ?? "", change: "new", line: j + 1 });
      j++;
    }
  }
  return lines;
}

export interface Piece {
  readonly text: string;
  readonly kind: "comment" | "word" | "text" | "plain";
}

const PIECES =
  /(\/\/.*|\/\*.*|^\s*\*.*)|("(?:[^"\\]|\\.)*"|`[^`]*`)|\b(import|from|export|const|let|return|if|else|for|of|in|switch|case|function|interface|extends|default|new|throw|while)\b/g;

/** Comments, strings and keywords of one line. */
export function piecesOf(line: string): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const match of line.matchAll(PIECES)) {
    if (match.index > from) pieces.push({ text: line.slice(from, match.index), kind: "plain" });
    pieces.push({
      text: match[0],
      kind: match[1] !== undefined ? "comment" : match[2] !== undefined ? "text" : "word",
    });
    from = match.index + match[0].length;
  }
  if (from < line.length) pieces.push({ text: line.slice(from), kind: "plain" });
  return pieces;
}

/** Without its imports, which say nothing about the protocol. */
export function withoutImports(source: string): string {
  return source.replace(/^import [^;]*;\n/gm, "").trim();
}
