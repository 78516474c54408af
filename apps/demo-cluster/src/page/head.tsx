import { Badge, Button, ThemeSwitch, VerdictIcon } from "@synod/ui";
import type { JSX } from "preact";
import type { ClusterView } from "../view.js";
import { grouped } from "./looks.js";
import type { State } from "./store.js";

interface HeadProps {
  readonly state: State;
  readonly onHold: (held: boolean) => void;
}

export function Head({ state, onHold }: HeadProps): JSX.Element {
  const { connection, held, view } = state;
  const words = { connecting: "connecting", live: "live", gone: "the demo has ended" }[connection];
  return (
    <header class="head">
      <h1>
        Synod <span>a live cluster</span>
      </h1>
      {view !== null && <Safety view={view} />}
      <div class="tools">
        <Badge look={connection === "live" ? "plain" : "dashed"}>{held ? "held still" : words}</Badge>
        <Button onPress={() => onHold(!held)} pressed={held} title="Stop the page, not the servers, to read">
          Hold
        </Button>
        <ThemeSwitch />
      </div>
    </header>
  );
}

/** A verdict that is a real comparison, and says when it was made last. */
function Safety({ view }: { readonly view: ClusterView }): JSX.Element {
  const { compared, atMs, slot, differs } = view.check;
  if (differs !== null) {
    const [a, b] = differs.replicas;
    return (
      <p class="safety" role="alert">
        <VerdictIcon verdict="diverges" /> <b>Broken.</b> S{a} and S{b} executed different commands by slot{" "}
        {grouped(differs.slot)}.
      </p>
    );
  }
  if (atMs === null) {
    return (
      <p class="safety">
        <VerdictIcon verdict="open" /> <b>Not compared yet.</b> No two servers were seen at the same slot.
      </p>
    );
  }
  return (
    <p class="safety">
      <VerdictIcon verdict="safe" /> <b>Safe.</b> Servers were compared {grouped(compared)} times, and their states were
      equal; last at slot {grouped(slot)}.
    </p>
  );
}
