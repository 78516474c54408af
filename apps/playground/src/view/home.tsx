import { playScenario, SCENARIOS } from "@synod/lecture";
import { MarksLegend, VERDICTS, VerdictIcon, type VerdictName } from "@synod/ui";
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { figureOf } from "../model/figure.js";
import { type Chapter, CHAPTERS, MINUTES, minutesOf, scenariosOf, stepOf, WHY } from "../model/words.js";
import { Diagram } from "./diagram.js";
import { Endings } from "./ladder.js";

const SHOWN = "promises-report";
const KINDS: readonly VerdictName[] = ["safe", "diverges", "blocks", "livelocks"];

/** What this is, for somebody who has never heard of Paxos; and the whole way at a glance. */
export function Home(): JSX.Element {
  return (
    <main class="home" id="main">
      <section class="hero">
        <div class="hero-words">
          <p class="kicker">Paxos from scratch, running</p>
          <h1>How can computers agree while any of them may fail?</h1>
          <p class="lead">
            Twenty-two small steps, from one server to the protocol that keeps the world’s databases in agreement. Each
            step is real code, running in this page. Each one that is wrong is broken before your eyes, and the next
            step mends it.
          </p>
          <p class="lead">
            No maths, no account, nothing to install. About {MINUTES} minutes for all of it, without what is marked
            optional, and at the heart of it one question: why must a promise tell what was accepted?
          </p>
          <p class="hero-actions">
            <a class="sy-button sy-button-main" href="#/one-server">
              Start with one server
            </a>
            <a class="sy-button" href="#/free/synod-multipaxos">
              Try to break the real one
            </a>
          </p>
        </div>
        <HeroFigure />
      </section>
      <section class="home-marks" aria-labelledby="marks-title">
        <h2 id="marks-title">Four words that sound alike</h2>
        <p>
          Nearly all confusion about Paxos is between these four. Here they never look alike, and colour means one thing
          only: a value.
        </p>
        <MarksLegend />
        <p class="verdict-legend">
          After each story a checker speaks:
          {KINDS.map((kind) => (
            <span key={kind}>
              <VerdictIcon verdict={kind} /> {VERDICTS[kind].word.toLowerCase()}
            </span>
          ))}
        </p>
      </section>
      {CHAPTERS.map((chapter) => (
        <section key={chapter.title} class="chapter">
          <h2>{chapter.title}</h2>
          <p class="chapter-intro">
            {chapter.intro} <Length chapter={chapter} />
          </p>
          <ol class="chapter-steps">
            {chapter.protocols.map((protocol) => (
              <li key={protocol.id}>
                <a class="step-card" href={`#/${scenariosOf(protocol.id)[0]?.id ?? ""}`}>
                  <span class="step-number">{stepOf(protocol.id) ?? ""}</span>
                  <span class="step-title">{protocol.title}</span>
                  <span class="step-why">{WHY[protocol.id] ?? protocol.adds}</span>
                  <Endings protocol={protocol.id} />
                </a>
              </li>
            ))}
          </ol>
        </section>
      ))}
      <footer class="foot">
        <p>
          Everything here is computed by the published packages in this one file: no server, no request, no tracking.
          Save it, mail it, open it on a train.
        </p>
      </footer>
    </main>
  );
}

function Length({ chapter }: { readonly chapter: Chapter }): JSX.Element {
  const minutes = minutesOf(chapter);
  if (minutes === null) return <span class="chapter-length">Optional.</span>;
  return (
    <span class="chapter-length">
      About {minutes} minutes, {chapter.rows} rows of pictures.
    </span>
  );
}

const still = (): boolean => typeof matchMedia !== "function" || matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Nobody asked for it to move and nothing stops it: all of it takes less than five seconds. */
const HERO_ROW_MS = 500;

/** The heart of Paxos, once, row by row. */
function HeroFigure(): JSX.Element {
  const figure = useMemo(() => {
    const scenario = SCENARIOS.find((one) => one.id === SHOWN);
    return scenario === undefined ? null : figureOf(playScenario(scenario));
  }, []);
  const rows = Math.min(11, figure?.rows.length ?? 0);
  const [shown, setShown] = useState(() => (still() ? rows : 2));
  useEffect(() => {
    if (shown >= rows) return;
    const timer = setTimeout(() => setShown(shown + 1), HERO_ROW_MS);
    return () => clearTimeout(timer);
  }, [shown, rows]);
  if (figure === null) return <div />;
  const cut = { ...figure, rows: figure.rows.slice(0, rows) };
  return (
    <figure class="hero-figure">
      <Diagram
        figure={cut}
        shown={shown}
        waiting={[]}
        label="A space-time diagram: S3 crashes after it has executed m1, and S1’s promise tells the new leader of it"
      />
      <figcaption>
        Step 14: S3 executes m1 and crashes. The promise of S1 tells the new leader what may have been chosen.
      </figcaption>
    </figure>
  );
}
