import { type Invariant, invariantsOf } from "@synod/lecture";
import { Button, Icon } from "@synod/ui";
import type { JSX } from "preact";
import type { Event, Stage } from "../model/state.js";
import { worldAt } from "../model/tree.js";

/** Whom each rule binds, and what it is good for. */
const MEANING: Readonly<Record<Invariant["id"], string>> = {
  P1a: "Binds acceptors: it is what they promise. It contains P1, “accept the first proposal that comes”: who has promised nothing takes anything.",
  P2: "The goal: once chosen, always chosen. It follows from P2a, as nothing is chosen that was not accepted.",
  P2a: "Binds acceptors. But one that was away cannot know what was chosen, so nobody can keep it by himself. It follows from P2b, as nothing is accepted that was not proposed.",
  P2b: "Binds proposers. But how should a proposer know what was chosen? It follows from P2c.",
  P2c: "Binds proposers, and they can keep it: they ask a majority, are told of its votes and promised that none below will follow (P1a), and take the value of the highest. Hence the promise that reports.",
  learned: "For whoever acts on a decision: only what is chosen may be executed and answered.",
};

/** How they hang together; and what stands in P2c’s place in Raft, whose leaders need no reports. */
const WAY = {
  paxos: "The goal is P2. P2a is enough for it, P2b for P2a, P2c for P2b; and P2c can be kept.",
  raft: "The goal is P2. P2a is enough for it, P2b for P2a; and Raft’s votes keep P2b.",
};
const P2B_IN_RAFT =
  "Binds leaders. A majority has what is chosen, and none of it votes for an older log: so every later leader has it too.";

const meaningOf = (id: Invariant["id"], isRaft: boolean): string =>
  isRaft && id === "P2b" ? P2B_IN_RAFT : MEANING[id];

const nameOf = (id: Invariant["id"]): string => (id === "learned" ? "Learn" : id);

/** The rules by which Paxos is derived, looked at in the world that is shown. */
export function Invariants({ stage }: { readonly stage: Stage }): JSX.Element | null {
  if (stage.protocol.quorum === undefined) return null;
  const isRaft = stage.protocol.family === "raft";
  const all = invariantsOf(stage.protocol, worldAt(stage.tree));
  return (
    <section class="invariants" aria-label="Invariants">
      <h2>What must always hold</h2>
      <p class="soft">{isRaft ? WAY.raft : WAY.paxos}</p>
      <ul>
        {all.map(({ id, title, holds, words }) => (
          <li key={id} class={holds ? "" : "invariant-broken"} data-invariant={id} data-holds={holds ? "yes" : "no"}>
            <Holds holds={holds} />
            <p>
              <b>{nameOf(id)}</b> {title}.{!holds && <strong class="invariant-why"> {words}</strong>}
              <span class="invariant-meaning">{meaningOf(id, isRaft)}</span>
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The same as lights, always in sight; a press explains them. */
export function Lights({
  stage,
  dispatch,
}: {
  readonly stage: Stage;
  readonly dispatch: (event: Event) => void;
}): JSX.Element {
  const all = invariantsOf(stage.protocol, worldAt(stage.tree));
  const tried = stage.tree.moments.length - 1;
  return (
    <div class="lights">
      <ul aria-label="Rules that must always hold">
        {all.map(({ id, title, holds, words }) => (
          <li key={id} class={holds ? "" : "invariant-broken"}>
            <Button
              look="quiet"
              onPress={() => dispatch({ do: "tab", tab: "rules" })}
              label={`${nameOf(id)} ${holds ? "holds" : "is broken"}: what does it mean?`}
              title={holds ? title : words}
            >
              <Holds holds={holds} />
              {nameOf(id)}
            </Button>
          </li>
        ))}
      </ul>
      <p class="soft">
        {tried === 1 ? "One event" : `${tried} events`} tried so far. {CHALLENGE[isTwice(stage) ? "done" : "open"]}
      </p>
    </div>
  );
}

const CHALLENGE = {
  open: "No number has two chosen values.",
  done: "Two values are chosen for one number: the challenge is won.",
};

const isTwice = ({ tree }: Stage): boolean =>
  tree.moments.some(({ world: { chosen } }) =>
    chosen.some((one) => chosen.some((other) => other.slot === one.slot && other.value !== one.value)),
  );

function Holds({ holds }: { readonly holds: boolean }): JSX.Element {
  return (
    <Icon size={16} weight={2.6} label={holds ? "holds" : "broken"}>
      <path d={holds ? "M4 10.5 L8.5 15 L16.5 5.5" : "M5 5 L15 15 M15 5 L5 15"} />
    </Icon>
  );
}
