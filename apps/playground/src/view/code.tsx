import { type Protocol, PROTOCOLS, WHAT_IFS } from "@synod/lecture";
import { Button } from "@synod/ui";
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { type DiffLine, diffLines, piecesOf, withoutImports } from "../model/diff.js";
import { sourceOf } from "../sources.js";

interface CodeProps {
  readonly protocol: Protocol;
}

interface Shown {
  readonly lines: readonly DiffLine[];
  readonly against: string;
}

function codeOf(protocol: Protocol): Shown {
  const whatIf = WHAT_IFS.find((one) => one.protocol.id === protocol.id);
  if (whatIf !== undefined) {
    const lines: DiffLine[] = [
      { text: whatIf.was, change: "gone" },
      { text: whatIf.is, change: "new" },
    ];
    return { lines, against: "Paxos for one decision" };
  }
  const previous = PROTOCOLS.find((one) => one.id === protocol.previous);
  const now = withoutImports(sourceOf(protocol.source));
  if (previous === undefined) return { lines: now.split("\n").map((text) => ({ text, change: "same" })), against: "" };
  return { lines: diffLines(withoutImports(sourceOf(previous.source)), now), against: previous.title };
}

/** The very code that runs in the picture, with what is new since the step before. */
export function Code({ protocol }: CodeProps): JSX.Element {
  const [showsGone, setShowsGone] = useState(false);
  const { lines, against } = useMemo(() => codeOf(protocol), [protocol]);
  const isWhatIf = protocol.id.startsWith("what-if");
  const shown = showsGone || isWhatIf ? lines : lines.filter((line) => line.change !== "gone");
  const fresh = lines.filter((line) => line.change === "new").length;
  return (
    <section class="code" aria-label="The code">
      <header class="code-head">
        <p class="soft">
          {against === "" ? protocol.source : `${fresh} ${fresh === 1 ? "line" : "lines"} new since “${against}”`}
        </p>
        {against !== "" && !isWhatIf && (
          <Button pressed={showsGone} onPress={() => setShowsGone(!showsGone)}>
            Show what is gone
          </Button>
        )}
      </header>
      <pre class="code-text" tabIndex={0} aria-label={`Source of ${protocol.title}`}>
        {shown.map((line, index) => (
          <CodeLine key={`${index}${line.change}`} line={line} />
        ))}
      </pre>
    </section>
  );
}

const SIGN = { same: " ", new: "+", gone: "−" } as const;

function CodeLine({ line }: { readonly line: DiffLine }): JSX.Element {
  return (
    <span class={`code-line code-${line.change}`}>
      <span class="code-sign">{SIGN[line.change]} </span>
      {piecesOf(line.text).map((piece, index) => (
        <span key={index} class={`tok-${piece.kind}`}>
          {piece.text}
        </span>
      ))}
      {"\n"}
    </span>
  );
}
