import { Button } from "@synod/ui";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type DiffLine, piecesOf } from "../model/diff.js";
import { type Listing, listingsOf } from "../model/listing.js";
import { linesOfRow, rowsOfLine } from "../model/ran.js";
import type { Event, Stage } from "../model/state.js";
import { branchOf } from "../model/tree.js";
import { sourceOf } from "../sources.js";

interface CodeProps {
  readonly stage: Stage;
  readonly dispatch: (event: Event) => void;
}

interface Place {
  readonly file: string;
  readonly line: number;
}

/** The very code that runs in the picture: what is new since the step before, what ran in the row that is shown, and in which rows a line ran. */
export function Code({ stage, dispatch }: CodeProps): JSX.Element {
  const { protocol, tree } = stage;
  const [showsGone, setShowsGone] = useState(false);
  const [picked, setPicked] = useState<Place | null>(null);
  const { listings, against } = useMemo(() => listingsOf(protocol, sourceOf), [protocol]);
  useEffect(() => setPicked(null), [protocol]);
  const isWhatIf = listings[0]?.file === "";
  const fresh = listings[0]?.lines.filter((line) => line.change === "new").length ?? 0;
  const run = branchOf(tree);
  return (
    <section class="code" aria-label="The code">
      <header class="code-head">
        <p>
          <b>New here:</b> {protocol.adds}
        </p>
        <p class="soft">
          {against === "" ? protocol.source : `${fresh} ${fresh === 1 ? "line" : "lines"} new since “${against}”`}
        </p>
        {against !== "" && !isWhatIf && (
          <Button pressed={showsGone} onPress={() => setShowsGone(!showsGone)}>
            Show what is gone
          </Button>
        )}
      </header>
      <p class="code-rows" aria-live="polite">
        {picked === null ? (
          <span class="soft">{wordsOf(linesOfRow(run, tree.at).size, tree.at)}</span>
        ) : (
          <>
            <span>Line {picked.line} ran in</span>
            {rowsOfLine(run, tree.at, picked.file, picked.line).map((row) => (
              <Button key={row} pressed={row === tree.at} onPress={() => dispatch({ do: "row", row })}>
                row {row}
              </Button>
            ))}
            <Button look="quiet" onPress={() => setPicked(null)}>
              Done
            </Button>
          </>
        )}
      </p>
      {listings.map((listing) => (
        <CodeText
          key={listing.file}
          listing={listing}
          stage={stage}
          showsGone={showsGone || isWhatIf}
          picked={picked}
          onPick={setPicked}
        />
      ))}
    </section>
  );
}

function wordsOf(lines: number, at: number): string {
  if (at === 0) return "Make a step, and the lines that ran are marked.";
  if (lines === 0) return `Row ${at} ran no code: it happened to a server or to the network, not in one.`;
  return `What row ${at} ran is marked ▸. The number of a line that has run shows its rows.`;
}

function CodeText(props: {
  readonly listing: Listing;
  readonly stage: Stage;
  readonly showsGone: boolean;
  readonly picked: Place | null;
  readonly onPick: (place: Place) => void;
}): JSX.Element {
  const { listing, stage, showsGone, picked, onPick } = props;
  const { tree, protocol } = stage;
  const box = useRef<HTMLPreElement>(null);
  const run = branchOf(tree);
  const now = linesOfRow(run, tree.at).get(listing.file);
  useEffect(() => showFirst(box.current), [run, tree.at]);
  return (
    <>
      {listing.title !== "" && <p class="code-title">All else is “{listing.title}”:</p>}
      <pre class="code-text" ref={box} tabIndex={0} aria-label={`Source of ${listing.title || protocol.title}`}>
        {listing.lines
          .filter((line) => showsGone || line.change !== "gone")
          .map((one, index) => (
            <CodeLine
              key={`${index}${one.change}`}
              line={one}
              rows={one.line === null ? [] : rowsOfLine(run, tree.at, listing.file, one.line)}
              isNow={one.line !== null && now?.has(one.line) === true}
              isPicked={picked !== null && picked.file === listing.file && picked.line === one.line}
              onPick={(line) => onPick({ file: listing.file, line })}
            />
          ))}
      </pre>
    </>
  );
}

/** Scrolls the code, and never the page, to where it is now. */
function showFirst(box: HTMLPreElement | null): void {
  const first = box?.querySelector<HTMLElement>(".code-now");
  if (box === null || first === null || first === undefined) return;
  const top = first.offsetTop - box.offsetTop;
  if (top < box.scrollTop || top > box.scrollTop + box.clientHeight - 80) box.scrollTop = Math.max(0, top - 60);
}

const SIGN = { same: " ", new: "+", gone: "−" } as const;

function CodeLine(props: {
  readonly line: DiffLine;
  readonly rows: readonly number[];
  readonly isNow: boolean;
  readonly isPicked: boolean;
  readonly onPick: (line: number) => void;
}): JSX.Element {
  const { line, rows, isNow, isPicked, onPick } = props;
  const number = line.line;
  return (
    <span class={`code-line code-${line.change}${isNow ? " code-now" : ""}`}>
      {number !== null && rows.length > 0 ? (
        <button
          type="button"
          class="code-number"
          aria-pressed={isPicked}
          aria-label={`Line ${number} ran in ${rows.length === 1 ? "row" : "rows"} ${rows.join(", ")}`}
          onClick={() => onPick(number)}
        >
          {number}
        </button>
      ) : (
        <span class="code-number">{number ?? ""}</span>
      )}
      <span class="code-sign">{isNow ? "▸" : SIGN[line.change]} </span>
      {piecesOf(line.text).map((piece, index) => (
        <span key={index} class={`tok-${piece.kind}`}>
          {piece.text}
        </span>
      ))}
      {"\n"}
    </span>
  );
}
