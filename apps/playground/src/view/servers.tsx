import type { ProcessId, ServerState, World } from "@synod/lecture";
import { Badge, Button, ValueChip } from "@synod/ui";
import type { JSX } from "preact";
import { figureOf } from "../model/figure.js";
import { isolate, serverMoves, serversOf } from "../model/moves.js";
import type { Event, Stage } from "../model/state.js";
import { branchOf, worldAt } from "../model/tree.js";

interface ServersProps {
  readonly stage: Stage;
  readonly dispatch: (event: Event) => void;
}

/** Every server: what it believes, has promised, accepted and learned; and what can be done to it. */
export function Servers({ stage, dispatch }: ServersProps): JSX.Element {
  const world = worldAt(stage.tree);
  const figure = figureOf(branchOf(stage.tree));
  return (
    <section class="servers" aria-label="Servers">
      {serversOf(world).map((id) => (
        <ServerCard
          key={id}
          id={id}
          stage={stage}
          world={world}
          values={figure.values}
          lanes={figure.lanes}
          dispatch={dispatch}
        />
      ))}
    </section>
  );
}

interface CardProps extends ServersProps {
  readonly id: ProcessId;
  readonly world: World;
  readonly values: readonly string[];
  readonly lanes: readonly ProcessId[];
}

function ServerCard({ id, stage, world, values, lanes, dispatch }: CardProps): JSX.Element | null {
  const server = world.servers[id];
  if (server === undefined) return null;
  const { state, up } = server;
  const cut = world.cuts.some((link) => link.split(" ").includes(id));
  const picked = stage.server === id;
  const classes = ["server", !up && "server-down", picked && "server-picked"].filter(Boolean).join(" ");
  return (
    <article class={classes} aria-label={`Server ${id}`} onClick={() => dispatch({ do: "server", id })}>
      <header class="server-head">
        <h3>{id}</h3>
        {!up && <Badge look="dashed">down</Badge>}
        {up && state.leads === true && (
          <Badge look={isDeposed(world, id) ? "dashed" : "strong"}>
            ♛ {isDeposed(world, id) ? "thinks it leads" : "leads"}
          </Badge>
        )}
        {cut && <Badge look="dashed">cut off</Badge>}
        {state.promised !== undefined && (
          <span class="gate" title="The round below which it accepts nothing">
            {state.promised}
            <span class="sy-hidden"> is its promise</span>
          </span>
        )}
      </header>
      <Log state={state} values={values} />
      <p class="server-ran" title="What it has executed, in order">
        {state.executed.length > 0 && <>▸ {state.executed.join(" ")}</>}
        {state.executed.length === 0 && stage.protocol.asks !== "none" && <span class="soft">nothing executed</span>}
      </p>
      <div class="server-moves" role="group" aria-label={`Faults of ${id}`}>
        {serverMoves(stage.protocol, world, id).map(({ action, words }) => (
          <Button key={words} onPress={() => dispatch({ do: "act", action })} label={`${id}: ${words}`}>
            {words}
          </Button>
        ))}
        {lanes.length > 1 && !cut && up && (
          <Button onPress={() => dispatch({ do: "act", action: isolate(lanes, id) })} label={`${id}: Cut off`}>
            Cut off
          </Button>
        )}
      </div>
    </article>
  );
}

/** Whether it believes that it leads, and others follow a higher round by now, or another than it. */
function isDeposed({ servers }: World, id: ProcessId): boolean {
  const own = servers[id]?.state.promised ?? 0;
  return Object.values(servers).some(({ up, state }) => up && state.me !== id && (state.promised ?? 0) > own);
}

/** By slot: the vote, and a lock where it knows the decision. */
function Log({ state, values }: { readonly state: ServerState; readonly values: readonly string[] }): JSX.Element {
  const { accepted = {}, learned = {} } = state;
  const slots = [...new Set([...Object.keys(accepted), ...Object.keys(learned)])].map(Number).sort((a, b) => a - b);
  return (
    <ol class="server-log" aria-label="What it has accepted and learned">
      {slots.map((slot) => {
        const vote = accepted[slot];
        const value = learned[slot] ?? vote?.value ?? "";
        return (
          <li
            key={slot}
            title={`${vote === undefined ? "" : `accepted ${vote.value} in round ${vote.rnd}`}${learned[slot] === undefined ? "" : `; has learned that ${learned[slot]} is chosen`}`}
          >
            {slot > 0 && <span class="slot-number">#{slot}</span>}
            <ValueChip
              value={value}
              order={values}
              {...(vote !== undefined && vote.value === value && { round: vote.rnd })}
            />
            {learned[slot] !== undefined && <Lock />}
          </li>
        );
      })}
      {slots.length === 0 && <li class="soft">{state.accepted === undefined ? "" : "nothing accepted"}</li>}
    </ol>
  );
}

function Lock(): JSX.Element {
  return (
    <svg class="lock-small" width="12" height="14" viewBox="0 0 12 14" role="img" aria-label="learned">
      <rect x="1" y="6" width="10" height="7" rx="1.5" fill="currentColor" />
      <path d="M3 6 V4 a3 3 0 0 1 6 0 V6" fill="none" stroke="currentColor" stroke-width="1.6" />
    </svg>
  );
}
