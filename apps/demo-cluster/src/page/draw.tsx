import { Button, Card } from "@synod/ui";
import type { JSX } from "preact";
import { useState } from "preact/hooks";

/** Where the playground looks for a trace that it is handed. */
const HANDED = "synod-trace";

/** Hands the last messages to the playground, which draws them one event a row. `lecture`: whether it is served here. */
export function Draw({ lecture }: { readonly lecture: boolean }): JSX.Element {
  const [words, setWords] = useState("");
  const draw = (): void => {
    setWords("");
    hand().catch(() => setWords("This did not work. Save the trace, and open it in the playground."));
  };
  return (
    <Card title="Slow down and draw" class="draw">
      <p class="soft">
        The last 200 events, one a row: who sent what to whom, in which order it came, and what was lost.
      </p>
      <div class="buttons">
        {lecture && (
          <Button look="main" onPress={draw}>
            Slow down and draw
          </Button>
        )}
        <a class="sy-button" href="/trace.json" download="live-trace.json">
          Save the trace
        </a>
      </div>
      {!lecture && (
        <p class="soft">
          <code>npm run playground</code> opens it: “Open a trace”.
        </p>
      )}
      <p role="status">{words}</p>
    </Card>
  );
}

async function hand(): Promise<void> {
  const response = await fetch("/trace.json");
  if (!response.ok) throw new Error(await response.text());
  localStorage.setItem(HANDED, await response.text());
  open("/lecture#/trace", "_blank");
}
