import { Button, ValueChip } from "@synod/ui";
import type { JSX } from "preact";
import { clientsOf, freshValue, askOf, serversOf } from "../model/moves.js";
import { valuesOf } from "../model/figure.js";
import type { Event, Stage } from "../model/state.js";
import { branchOf, worldAt } from "../model/tree.js";

interface ClientsProps {
  readonly stage: Stage;
  readonly dispatch: (event: Event) => void;
}

/** Who asks for something, and what they were told. Where there are no clients the servers have wishes of their own. */
export function Clients({ stage, dispatch }: ClientsProps): JSX.Element {
  const { protocol, tree, scenario } = stage;
  const world = worldAt(tree);
  const run = branchOf(tree);
  const values = valuesOf(run);
  const value = freshValue(world, scenario);
  const up = serversOf(world).filter((id) => world.servers[id]?.up === true);
  if (protocol.asks === "none") {
    return (
      <section class="clients" aria-label="Wishes">
        <div class="client">
          <h3>Wishes</h3>
          <div class="client-asks">
            {up.map((to) => (
              <Button key={to} onPress={() => dispatch({ do: "act", action: { do: "ask", client: to, value, to } })}>
                {`${to} wants ${value}`}
              </Button>
            ))}
          </div>
        </div>
      </section>
    );
  }
  const targets = protocol.asks === "any" ? up : up.slice(0, 1);
  return (
    <section class="clients" aria-label="Clients">
      {clientsOf(protocol, run.actions).map((client) => {
        const told = world.answers.filter((answer) => answer.client === client);
        const open = Object.entries(world.asked).filter(
          ([one, ask]) => ask.client === client && !told.some((answer) => answer.value === one),
        );
        return (
          <div key={client} class="client">
            <h3>{client}</h3>
            <p class="client-told">
              {told.map((answer) => (
                <span key={answer.value}>
                  <ValueChip value={answer.value} order={values} /> was told “{answer.state.join(" ")}”
                </span>
              ))}
              {open.map(([one]) => (
                <span key={one}>
                  <ValueChip value={one} order={values} /> waits
                </span>
              ))}
              {told.length + open.length === 0 && <span class="soft">has asked for nothing</span>}
            </p>
            <div class="client-asks">
              {targets.map((to) => (
                <Button
                  key={to}
                  onPress={() => dispatch({ do: "act", action: askOf(protocol, world, client, value, to) })}
                  label={`${client} asks ${protocol.asks === "all" ? "all" : to} for ${value}`}
                >
                  {protocol.asks === "all" ? `asks all for ${value}` : `asks ${to} for ${value}`}
                </Button>
              ))}
              {open.map(([one]) =>
                targets.map((to) => (
                  <Button
                    key={`${one}${to}`}
                    onPress={() => dispatch({ do: "act", action: askOf(protocol, world, client, one, to) })}
                    label={`${client} asks: ${protocol.asks === "all" ? `${one} again` : `${one} again, ${to}`}`}
                  >
                    {protocol.asks === "all" ? `${one} again` : `${one} again, ${to}`}
                  </Button>
                )),
              )}
            </div>
          </div>
        );
      })}
    </section>
  );
}
