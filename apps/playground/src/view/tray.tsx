import { isCut, labelOf } from "@synod/lecture";
import { Button } from "@synod/ui";
import type { JSX } from "preact";
import type { Event, Stage } from "../model/state.js";
import { worldAt } from "../model/tree.js";
import { wordsOfMessage } from "../model/words.js";

interface TrayProps {
  readonly stage: Stage;
  readonly dispatch: (event: Event) => void;
}

/** The messages on their way: real buttons, in the order in which they were sent. Any of them may be the next to arrive. */
export function Tray({ stage, dispatch }: TrayProps): JSX.Element {
  const world = worldAt(stage.tree);
  const picked = world.flights.find((flight) => flight.id === stage.message) ?? null;
  const cut = picked !== null && isCut(world, picked.from, picked.to);
  const act = (what: "deliver" | "lose" | "duplicate"): void => {
    if (picked !== null) dispatch({ do: "act", action: { do: what, id: picked.id } });
  };
  const held = picked !== null && stage.held.includes(picked.id);
  return (
    <section class="tray" aria-label="Messages on their way">
      <ul class="tray-list">
        {world.flights.length === 0 && <li class="tray-empty">No message is on its way.</li>}
        {world.flights.map((flight) => {
          const label = labelOf(flight.message);
          const waits = stage.held.includes(flight.id);
          return (
            <li key={flight.id}>
              <Button
                look="quiet"
                pressed={flight.id === stage.message}
                onPress={() => dispatch({ do: "message", id: flight.id === stage.message ? null : flight.id })}
                title={wordsOfMessage(label)}
              >
                <span class="message-way">
                  {flight.from} → {flight.to}
                </span>
                <span class="message-label">{label}</span>
                {waits && <span class="message-held">waits</span>}
              </Button>
            </li>
          );
        })}
      </ul>
      <div class="tray-actions" role="group" aria-label="What happens to the picked message">
        <Button
          onPress={() => act("deliver")}
          off={picked === null || cut}
          title="It arrives now, before all others (Enter)"
        >
          Deliver
        </Button>
        <Button onPress={() => act("lose")} off={picked === null} title="It never arrives (d)">
          Drop
        </Button>
        <Button
          onPress={() => act("duplicate")}
          off={picked === null || cut}
          title="A copy arrives, and another is still on its way (u)"
        >
          Duplicate
        </Button>
        <Button
          onPress={() => picked !== null && dispatch({ do: "hold", id: picked.id })}
          off={picked === null}
          pressed={held}
          title="It waits while others overtake it (w)"
        >
          Delay
        </Button>
        <p class="tray-hint">{hintOf(stage, picked === null, cut)}</p>
      </div>
    </section>
  );
}

function hintOf({ tree }: Stage, nothingPicked: boolean, cut: boolean): string {
  if (worldAt(tree).flights.length === 0) return "";
  if (nothingPicked) return "Pick a message, here or in the picture. They may arrive in any order.";
  return cut ? "The link is cut: it can only wait or get lost." : "";
}
