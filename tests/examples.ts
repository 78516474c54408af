import ts from "typescript";

export interface Example {
  /** Where it stands: `README.md:12`. */
  at: string;
  code: string;
  /** What its `// prints: ...` lines say, in order. */
  prints: string[];
}

/** The code blocks of a Markdown file that open with ```ts run. */
export function examplesIn(path: string, markdown: string): Example[] {
  const found: Example[] = [];
  let open: { line: number; lines: string[]; runs: boolean } | undefined;
  for (const [index, line] of markdown.split(/\r?\n/).entries()) {
    const fence = /^```\s*(.*?)\s*$/.exec(line);
    if (!fence) {
      open?.lines.push(line);
    } else if (!open) {
      open = { line: index + 1, lines: [], runs: /^ts\s+run\b/.test(fence[1] ?? "") };
    } else {
      const { lines, runs } = open;
      const prints = lines.flatMap((text) => /\/\/ prints: (.*)$/.exec(text)?.[1]?.trimEnd() ?? []);
      if (runs) found.push({ at: `${path}:${open.line}`, code: `${lines.join("\n")}\n`, prints });
      open = undefined;
    }
  }
  if (open?.runs) throw new Error(`${path}:${open.line}: the code block is not closed`);
  return found;
}

/** What the type checker says of the files, under the options of a tsconfig. */
export function typeErrors(files: string[], tsconfig: string): string[] {
  const parsed = ts.getParsedCommandLineOfConfigFile(
    tsconfig,
    { noUnusedLocals: false },
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
        throw new Error(ts.flattenDiagnosticMessageText(messageText, "\n"));
      },
    },
  );
  const program = ts.createProgram(files, parsed?.options ?? {});
  return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
    const line = file ? `${file.fileName}:${file.getLineAndCharacterOfPosition(start).line + 1}: ` : "";
    return line + ts.flattenDiagnosticMessageText(messageText, "\n");
  });
}
