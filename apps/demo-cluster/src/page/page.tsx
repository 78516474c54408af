// The live page: shows what the supervisor sends and sends it what is pressed or typed.
import "uplot/dist/uPlot.min.css";
import "@synod/ui/theme.css";
import "./page.css";
import { applyTheme, Card, readTheme } from "@synod/ui";
import { type JSX, render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Charts, LeaderStrip } from "./charts.js";
import { Controls, Figures } from "./controls.js";
import { Draw } from "./draw.js";
import { Feed } from "./feed.js";
import { Head } from "./head.js";
import { ReachMatrix } from "./reach.js";
import { Servers } from "./servers.js";
import { Slots } from "./slots.js";
import { Store } from "./store.js";
import { StoryPanel } from "./story.js";
import { Topology } from "./topology.js";

const store = new Store();
const run = (line: string): void => store.run(line);

function Page(): JSX.Element {
  const [state, setState] = useState(store.state);
  useEffect(() => {
    store.onChange(setState);
    store.connect();
  }, []);
  const { view, samples, lines, story, lecture } = state;
  return (
    <>
      <Head state={state} onHold={(held) => store.hold(held)} />
      <main>
        {view !== null && (
          <>
            <Figures view={view} samples={samples} />
            <h2 class="sy-hidden">The cluster, live</h2>
            <Card title="Servers and links" class="stage">
              <Topology view={view} run={run} />
              <p class="hint">
                Press a link to cut or heal it. The number by the gate is the promise: nothing lower gets in.
              </p>
            </Card>
            <StoryPanel story={story} />
            <Controls view={view} run={run} />
            <Servers view={view} run={run} />
            <ReachMatrix view={view} />
            <Draw lecture={lecture} />
            <Slots view={view} />
            <Charts samples={samples} lines={lines} />
            <LeaderStrip samples={samples} replicas={view.replicas} />
            <Feed lines={lines} run={run} />
          </>
        )}
      </main>
    </>
  );
}

applyTheme(readTheme());
const place = document.getElementById("page");
if (place !== null) {
  place.replaceChildren();
  render(<Page />, place);
}
