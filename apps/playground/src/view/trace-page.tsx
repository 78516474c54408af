import { Button } from "@synod/ui";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Trace } from "../model/trace-file.js";
import { Diagram } from "./diagram.js";
import { Rows } from "./rows.js";

const WINDOW = 200;

/** A run of the simulator, read from a file: a window of it at a time. */
export function TracePage({ trace }: { readonly trace: Trace | null }): JSX.Element {
  if (trace === null) {
    return (
      <main class="trace" id="main">
        <h1>Open a trace</h1>
        <p class="lead">
          Drop a file here, or use “Open a trace” above.{" "}
          <code>npm run sim -- --seed 3 --profile network --trace run.json</code> writes one; so does “Slow down and
          draw” of the live page of <code>npm run demo</code>.
        </p>
      </main>
    );
  }
  return <OpenTrace key={trace.name} trace={trace} />;
}

function OpenTrace({ trace }: { readonly trace: Trace }): JSX.Element {
  const { figure, name, words, failed, live, left } = trace;
  const last = Math.max(0, figure.rows.length - WINDOW);
  const [from, setFrom] = useState(failed || live ? last : 0);
  const rows = figure.rows.slice(from, from + WINDOW);
  const window = { ...figure, rows };
  return (
    <main class="trace" id="main">
      <p class="kicker">Trace {name}</p>
      <h1>{failed ? "An invariant was broken" : live ? "A cluster that runs" : "A run of the simulator"}</h1>
      <p class="lead">{words}</p>
      <div class="trace-window" role="group" aria-label="Window">
        <Button onPress={() => setFrom(Math.max(0, from - WINDOW))} off={from === 0}>
          Earlier
        </Button>
        <Button onPress={() => setFrom(Math.min(last, from + WINDOW))} off={from >= last}>
          Later
        </Button>
        <span>
          Rows {from + 1} to {from + rows.length} of {figure.rows.length}
          {left > 0 && `; ${left} beats of the election are not drawn`}
        </span>
      </div>
      <Diagram
        figure={window}
        shown={rows.length}
        waiting={[]}
        label={`Space-time diagram of ${name}, rows ${from + 1} to ${from + rows.length}`}
      />
      <Rows rows={rows} shown={rows.length} onRow={() => undefined} deciding={[]} />
    </main>
  );
}
