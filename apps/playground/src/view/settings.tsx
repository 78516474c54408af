import { Button } from "@synod/ui";
import type { JSX } from "preact";
import { figureOf } from "../model/figure.js";
import { serversOf } from "../model/moves.js";
import { tellingOf } from "../model/telling.js";
import { savePicture } from "./picture.js";
import type { Event, Stage } from "../model/state.js";
import { branchOf, worldAt } from "../model/tree.js";

interface SettingsProps {
  readonly stage: Stage;
  readonly dispatch: (event: Event) => void;
}

const COUNTS = [1, 2, 3, 4, 5, 6, 7];

/** The network as a whole, how many servers there are, whose eyes one looks through, and chance. */
export function Settings({ stage, dispatch }: SettingsProps): JSX.Element {
  const world = worldAt(stage.tree);
  const servers = serversOf(world);
  return (
    <section class="settings" aria-label="Network and view">
      <label>
        Servers{" "}
        <select
          id="servers"
          value={`${servers.length}`}
          onChange={(input) => dispatch({ do: "servers", count: Number(input.currentTarget.value) })}
        >
          {COUNTS.map((count) => (
            <option key={count} value={`${count}`}>
              {count}
            </option>
          ))}
        </select>
      </label>
      <label>
        Show{" "}
        <select
          id="eyes"
          value={stage.eyes ?? ""}
          onChange={(input) => dispatch({ do: "eyes", of: input.currentTarget.value || null })}
        >
          <option value="">what is</option>
          {servers.map((id) => (
            <option key={id} value={id}>
              what {id} knows
            </option>
          ))}
        </select>
      </label>
      <Links stage={stage} dispatch={dispatch} />
      <Button onPress={() => dispatch({ do: "act", action: { do: "heal" } })} off={world.cuts.length === 0}>
        Heal the network
      </Button>
      <Button onPress={() => dispatch({ do: "startOver" })}>Empty stage</Button>
      <Button
        pressed={stage.byChance}
        onPress={() => dispatch({ do: "chance" })}
        title="Each step by chance, accidents included: the same for the same seed"
      >
        By chance
      </Button>
      <label>
        Seed{" "}
        <input
          id="seed"
          type="number"
          min="1"
          max="99999"
          value={stage.seed}
          onInput={(input) =>
            dispatch({ do: "seed", seed: Math.max(1, Math.floor(Number(input.currentTarget.value)) || 1) })
          }
        />
      </label>
      <span class="settings-end">
        <Button onPress={() => void copyLink(dispatch)} title="The address holds this story, its steps and the row">
          Copy link
        </Button>
        <Button onPress={() => void copyText(stage, dispatch)} title="All rows in words, for a letter or an issue">
          Copy text
        </Button>
        <Button onPress={() => savePicture(stage.scenario?.id ?? stage.protocol.id)} title="As an SVG file">
          Save picture
        </Button>
      </span>
    </section>
  );
}

async function copyLink(dispatch: (event: Event) => void): Promise<void> {
  try {
    await navigator.clipboard.writeText(location.href);
    dispatch({ do: "note", note: "The link is copied. It brings whoever opens it to this very row." });
  } catch {
    dispatch({
      do: "note",
      note: `This browser does not let the page copy. The link is the address of the page: ${location.href}`,
    });
  }
}

async function copyText(stage: Stage, dispatch: (event: Event) => void): Promise<void> {
  const text = tellingOf(stage);
  try {
    await navigator.clipboard.writeText(text);
    dispatch({ do: "note", note: "The rows are copied, in words." });
  } catch {
    dispatch({
      do: "note",
      note: "This browser does not let the page copy. The rows in words stand below, under “What has happened”.",
    });
  }
}

/** Each link by itself. */
function Links({ stage, dispatch }: SettingsProps): JSX.Element {
  const world = worldAt(stage.tree);
  const { lanes } = figureOf(branchOf(stage.tree));
  const pairs = lanes
    .flatMap((a, index) => lanes.slice(index + 1).map((b) => [a, b] as const))
    .filter(([a, b]) => a.startsWith("S") || b.startsWith("S"));
  return (
    <details class="links">
      <summary class="sy-button">Cut a link</summary>
      <div class="links-list">
        {pairs.map(([a, b]) => {
          const cut = world.cuts.includes(`${a} ${b}`);
          return (
            <Button
              key={`${a} ${b}`}
              pressed={cut}
              off={cut}
              onPress={() => dispatch({ do: "act", action: { do: "cut", sides: [[a], [b]] } })}
              label={`Cut ${a} from ${b}`}
            >
              {a}–{b}
            </Button>
          );
        })}
      </div>
    </details>
  );
}
