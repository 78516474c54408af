import { type Pair, raftCountsCopies } from "@synod/lecture";
import { Button, VERDICTS, VerdictIcon } from "@synod/ui";
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { linkOf } from "../model/link.js";
import { momentAt, type PairView, pairView, type Side } from "../model/pairs.js";
import { Diagram } from "./diagram.js";

/** One story, told by Paxos and by Raft in one picture: the same rows, the same buttons. */
export function PairStory({ pair }: { readonly pair: Pair }): JSX.Element {
  const view = pairView(pair);
  const [row, setRow] = useState(view.ends[0] ?? 0);
  const box = useRef<HTMLDivElement>(null);
  const moment = momentAt(view, row);
  const end = view.ends[moment] ?? view.rows;
  const toEnd = row < end ? end : (view.ends[moment + 1] ?? view.rows);
  const before = view.ends.filter((one) => one < row).at(-1) ?? 0;
  const title = `pair-${pair.id}`;
  return (
    <section class="pair" aria-labelledby={title} data-pair={pair.id}>
      <h2 id={title}>{pair.title}</h2>
      <p class="pair-question">{pair.question}</p>
      <div class="pair-steps" role="group" aria-label={`Steps of “${pair.title}”`}>
        <Button onPress={() => setRow(before)} off={row === 0}>
          Moment back
        </Button>
        <Button onPress={() => setRow(row - 1)} off={row === 0}>
          Row back
        </Button>
        <Button onPress={() => setRow(row + 1)} off={row === view.rows}>
          Row on
        </Button>
        <Button look="main" onPress={() => setRow(toEnd)} off={row === view.rows}>
          Next moment
        </Button>
        <span class="pair-count">
          Moment {moment + 1} of {view.ends.length}, row {row} of {view.rows}
        </span>
      </div>
      <p class="pair-words" aria-live="polite">
        {row === 0 ? "Nothing has happened yet." : pair.moments[moment]?.words}
      </p>
      <div class="pair-sides" ref={box} onScrollCapture={(event) => scrollTogether(box.current, event.target)}>
        <SideOf name="Paxos" side={view.paxos} view={view} row={row} story={pair.title} />
        <SideOf name="Raft" side={view.raft} view={view} row={row} story={pair.title} />
      </div>
      <p class={row === view.rows ? "" : "pair-later"}>
        <b>What you saw:</b> {pair.sees}
      </p>
      <p class="pair-links">
        <span>Alone, with all its switches:</span>
        <a href={linkOf({ scenario: null, run: view.paxos.run, at: 0, seed: 1 })}>Paxos’ side</a>
        <a href={`#/raft-${pair.id}`}>Raft’s side</a>
        {pair.id === "old-entry" && <a href="#/raft-counts-copies">{raftCountsCopies.protocol.title}</a>}
      </p>
    </section>
  );
}

function SideOf(props: {
  readonly name: string;
  readonly side: Side;
  readonly view: PairView;
  readonly row: number;
  readonly story: string;
}): JSX.Element {
  const { name, side, view, row, story } = props;
  const { figure, verdict } = side;
  return (
    <div class="pair-side" data-side={name}>
      <h3>{name}</h3>
      <Diagram figure={figure} shown={row} waiting={[]} label={`Space-time diagram: ${name}, “${story}”`} />
      <p class="pair-row">{row > 0 && `${row}. ${figure.rows[row - 1]?.text ?? ""}`}</p>
      {row === view.rows && (
        <p class="pair-verdict" data-verdict={verdict.kind}>
          <VerdictIcon verdict={verdict.kind} /> <b>{VERDICTS[verdict.kind].word}.</b>{" "}
          {/* Its rows are those of one side alone, and not the numbers of this picture. */}
          {verdict.rows.length === 0 ? verdict.words : WITHOUT_ROWS[verdict.kind]}
        </p>
      )}
      <details>
        <summary>{name} in words</summary>
        <ol class="pair-list">
          {figure.rows
            .filter((one) => !one.isBlank)
            .map((one) => (
              <li key={one.row} value={one.row}>
                {one.text}
              </li>
            ))}
        </ol>
      </details>
    </div>
  );
}

const WITHOUT_ROWS: Readonly<Partial<Record<string, string>>> = {
  livelocks: "It has come back to where it was, only the numbers are higher, and can go on like that for ever.",
};

/** Who scrolls one picture scrolls the other: their rows are the same. */
function scrollTogether(box: HTMLDivElement | null, moved: EventTarget | null): void {
  if (box === null || !(moved instanceof HTMLElement) || !moved.classList.contains("diagram")) return;
  for (const diagram of box.querySelectorAll<HTMLElement>(".diagram")) {
    if (diagram !== moved && diagram.scrollTop !== moved.scrollTop) diagram.scrollTop = moved.scrollTop;
  }
}
