import { judge, playScenario, type Protocol, type Scenario } from "@synod/lecture";
import { MarksLegend, VERDICTS, VerdictIcon } from "@synod/ui";
import type { JSX } from "preact";
import { figureOf } from "../model/figure.js";
import { layoutOf, type TextLook } from "../model/layout.js";
import { CHAPTERS, MAIN_ROAD, MINUTES, stepOf, WHY } from "../model/words.js";
import { Drawing } from "../view/drawing.js";
import { markupOf } from "./markup.js";

const LETTER = 12.5;
/** Where nobody can measure: rather too wide than over its neighbour. */
const WIDTHS: Readonly<Record<TextLook, number>> = { plain: 0.62, strong: 0.7, code: 0.66 };

const SIZE = {
  width: 640,
  rowHeight: 32,
  measure: (text: string, look: TextLook): number => Math.ceil(text.length * LETTER * WIDTHS[look]),
};

/** The whole page. */
export function paperHtml(style: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<title>Paxos from scratch, to be read</title>
<style>${style}</style>
</head>
<body style="--letter:${LETTER}px">
${markupOf(<Paper />)}
</body>
</html>
`;
}

/** The main road of the lecture, to be read: for those whose browser runs no script. */
function Paper(): JSX.Element {
  const chapters = CHAPTERS.map((chapter) => ({
    ...chapter,
    protocols: chapter.protocols.filter((protocol) => storiesOf(protocol).length > 0),
  })).filter((chapter) => chapter.protocols.length > 0);
  return (
    <main class="paper" id="main">
      <h1>How can computers agree while any of them may fail?</h1>
      <p class="lead">
        Paxos from scratch, in small steps, from one server to the protocol that keeps the world’s databases in
        agreement. This page is for reading, about {MINUTES} minutes; each picture was drawn by running the code.{" "}
        <a href="index.html">With a script</a> every story can be played, changed and searched for mistakes.
      </p>
      <h2>Four words that sound alike</h2>
      <MarksLegend />
      <p>In the pictures time runs down, one event a row. A shaded row is the one that decides.</p>
      {chapters.map(({ title, intro, protocols }) => (
        <section key={title}>
          <h2>{title}</h2>
          <p>{intro}</p>
          {protocols.map((protocol) => (
            <Step key={protocol.id} protocol={protocol} />
          ))}
        </section>
      ))}
    </main>
  );
}

const storiesOf = ({ id }: Protocol): Scenario[] => MAIN_ROAD.filter(({ protocol }) => protocol.id === id);

function Step({ protocol }: { readonly protocol: Protocol }): JSX.Element {
  return (
    <section>
      <h3>
        {stepOf(protocol.id)}. {protocol.title}
      </h3>
      <p>{WHY[protocol.id] ?? protocol.adds}</p>
      {storiesOf(protocol).map((scenario) => (
        <Story key={scenario.id} scenario={scenario} />
      ))}
    </section>
  );
}

function Story({ scenario }: { readonly scenario: Scenario }): JSX.Element {
  const { id, title, question, sees } = scenario;
  const run = playScenario(scenario);
  const figure = figureOf(run);
  const { kind, words, rows } = judge(run);
  const layout = layoutOf(figure, SIZE);
  const label = `Space-time diagram of “${title}”: the same as the sentences below`;
  return (
    <article id={id}>
      <h4>{title}</h4>
      <p>{question}</p>
      <figure class="diagram" tabIndex={0} aria-label={`${label}. Scrolls.`}>
        <div class="lane-heads" aria-hidden="true" style={{ width: `${SIZE.width}px` }}>
          {layout.lanes.map((lane) => (
            <span key={lane.id} class="lane-head" style={{ left: `${lane.x}px` }}>
              {lane.id}
            </span>
          ))}
        </div>
        <Drawing
          figure={figure}
          layout={layout}
          shown={figure.rows.length}
          waiting={[]}
          deciding={rows}
          label={label}
        />
      </figure>
      <details>
        <summary>The rows in words</summary>
        <ol>
          {figure.rows.map((row) => (
            <li key={row.row}>{row.text}</li>
          ))}
        </ol>
      </details>
      <p>
        <VerdictIcon verdict={kind} /> <b>{VERDICTS[kind].word}.</b> {words}
      </p>
      <p>{sees}</p>
    </article>
  );
}
