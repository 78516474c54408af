import { Badge, Button, Card, MarkIcon } from "@synod/ui";
import type { JSX } from "preact";
import { agreement } from "../agreement.js";
import type { ClusterView, ReplicaView } from "../view.js";
import { cutsOf, grouped, isUp, roleOf, roundOf, type Run } from "./looks.js";

/** How much slower the button makes a disk: longer than a leader waits for its own vote. */
const SLOW_MS = 500;

interface ServerProps {
  readonly replica: ReplicaView;
  readonly view: ClusterView;
  readonly run: Run;
}

export function Servers({ view, run }: { readonly view: ClusterView; readonly run: Run }): JSX.Element {
  return (
    <section class="servers" aria-label="Servers">
      {view.replicas.map((replica) => (
        <Server key={replica.id} replica={replica} view={view} run={run} />
      ))}
    </section>
  );
}

function Server(props: ServerProps): JSX.Element {
  const { replica } = props;
  const role = roleOf(replica);
  const look = role === "leader" ? "strong" : role === "follower" ? "plain" : "dashed";
  return (
    <Card class="server-card">
      <header>
        <h2>S{replica.id}</h2>
        <Badge look={look}>{role}</Badge>
        {replica.slowMs > 0 && <Badge look="dashed">slow disk</Badge>}
        {replica.impaired !== null && <Badge look="dashed">{replica.impaired} late</Badge>}
      </header>
      <p class="reason">{replica.state === "running" ? replica.reason : replica.state}</p>
      <Facts {...props} />
      <Faults {...props} />
      <Operations {...props} />
    </Card>
  );
}

function Facts({ replica, view }: ServerProps): JSX.Element {
  const agrees = agreement(replica, view.replicas);
  const hash = { same: "equal", apart: "–", different: "DIFFERENT" }[agrees];
  const facts: readonly (readonly [string, JSX.Element | string])[] = [
    [
      "promised",
      <>
        <MarkIcon mark="promised" /> {roundOf(replica.promised)}
      </>,
    ],
    ["chosen", grouped(replica.chosen)],
    ["executed", grouped(replica.applied)],
    ["commands/s", grouped(replica.commandsPerSecond)],
    ["state", `${replica.hash || "–"} `],
    ["compared", hash],
    ["snapshot", replica.snapshot === 0 ? "–" : grouped(replica.snapshot)],
    ["epoch", replica.epoch === 0 ? "–" : String(replica.epoch)],
  ];
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Faults({ replica, view, run }: ServerProps): JSX.Element {
  const { id, state } = replica;
  const up = isUp(replica);
  const changing = state === "starting" || state === "stopping";
  const cuts = cutsOf(view, id);
  const alone = view.replicas.length === 1;
  const isCut = !alone && cuts.length === view.replicas.length - 1;
  const act = (verb: string) => () => run(`${verb} ${id}`);
  const name = (text: string): { label: string } => ({ label: `${text} S${id}` });
  return (
    <div class="buttons" role="group" aria-label={`Faults of S${id}`}>
      <Button onPress={act(up ? "kill" : "restart")} look="main" off={changing} {...name(up ? "Kill" : "Restart")}>
        {up ? "Kill" : "Restart"}
      </Button>
      <Button
        onPress={act(state === "paused" ? "resume" : "pause")}
        off={!up}
        pressed={state === "paused"}
        {...name("Pause")}
      >
        Pause
      </Button>
      <Button
        onPress={() => {
          if (!isCut) run(`cut ${id}`);
          else for (const [a, b] of cuts) run(`heal ${a} ${b}`);
        }}
        off={alone}
        pressed={isCut}
        {...name("Cut off")}
      >
        Cut off
      </Button>
      <Button
        onPress={() => run(`slow ${id} ${replica.slowMs > 0 ? 0 : SLOW_MS}`)}
        pressed={replica.slowMs > 0}
        title={`Each write takes ${SLOW_MS} ms longer`}
        {...name("Slow disk of")}
      >
        Slow disk
      </Button>
      <Button
        onPress={act("star")}
        off={view.replicas.length < 3}
        title="Cut all links that do not lead here"
        {...name("Star around")}
      >
        Star
      </Button>
    </div>
  );
}

function Operations({ replica, view, run }: ServerProps): JSX.Element {
  const { id, state, role, part } = replica;
  const act = (verb: string) => () => run(`${verb} ${id}`);
  const name = (text: string): { label: string } => ({ label: `${text} S${id}` });
  const running = state === "running";
  const alone = view.replicas.length === 1;
  return (
    <div class="buttons" role="group" aria-label={`Operations on S${id}`}>
      <Button
        onPress={act("transfer")}
        off={!running || role === "leader" || part !== "voter"}
        {...name("Lead: hand over to")}
      >
        Lead
      </Button>
      <Button onPress={act("restart")} off={!running} {...name("Restart in order")}>
        Restart in order
      </Button>
      <Button onPress={act("snapshot")} off={!running} {...name("Snapshot of")}>
        Snapshot
      </Button>
      <Button onPress={() => run(`replace ${id} ${view.freshId}`)} off={alone || part === "none"} {...name("Replace")}>
        Replace
      </Button>
      <Button onPress={act("remove")} off={alone || part === "none"} {...name("Remove")}>
        Remove
      </Button>
    </div>
  );
}
