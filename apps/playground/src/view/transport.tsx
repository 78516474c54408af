import { Button, Icon } from "@synod/ui";
import type { JSX } from "preact";
import { type Event, isStoryEnd, nextAction, SPEEDS, type Stage, type State } from "../model/state.js";
import { rowsIn } from "../model/tree.js";

interface TransportProps {
  readonly state: State;
  readonly stage: Stage;
  readonly dispatch: (event: Event) => void;
}

/** Back in time, on, play, and how fast. */
export function Transport({ state, stage, dispatch }: TransportProps): JSX.Element {
  const { tree } = stage;
  const rows = rowsIn(tree);
  const isEnd = tree.at === rows;
  const mayGoOn = !isEnd || (!isStoryEnd(stage) && nextAction(stage) !== null);
  return (
    <div class="transport" role="group" aria-label="Time">
      <Button
        id="first"
        onPress={() => dispatch({ do: "first" })}
        label="To the beginning"
        title="To the beginning (Home)"
        off={tree.at === 0}
      >
        <Sign d="M4 4 V16 M16 4 L7 10 L16 16 Z" />
      </Button>
      <Button
        id="back"
        onPress={() => dispatch({ do: "back" })}
        label="One step back"
        title="One step back (←)"
        off={tree.at === 0}
      >
        <Sign d="M14 4 L5 10 L14 16 Z" />
      </Button>
      <Button
        id="play"
        look="main"
        onPress={() => dispatch({ do: "play" })}
        label={state.playing ? "Pause" : "Play"}
        title="Play or pause (space)"
      >
        <Sign d={state.playing ? "M6 4 V16 M14 4 V16" : "M6 4 L15 10 L6 16 Z"} />
        <span class="play-word">{state.playing ? "Pause" : "Play"}</span>
      </Button>
      <Button id="next" onPress={() => dispatch({ do: "next" })} label="Next step" title="Next step (→)" off={!mayGoOn}>
        <Sign d="M4 4 V16 M8 4 L16 10 L8 16 Z" />
        <span class="next-word">Step</span>
      </Button>
      <Button
        id="last"
        onPress={() => dispatch({ do: "last" })}
        label="To the end"
        title="To the end (End)"
        off={isEnd}
      >
        <Sign d="M16 4 V16 M4 4 L13 10 L4 16 Z" />
      </Button>
      <label class="scrub">
        <span class="sy-hidden">Row</span>
        <input
          type="range"
          min="0"
          max={Math.max(1, rows)}
          value={tree.at}
          onInput={(input) => dispatch({ do: "row", row: Number(input.currentTarget.value) })}
        />
        <output class="scrub-count">
          {tree.at} / {rows}
        </output>
      </label>
      <label class="speed">
        <span class="sy-hidden">Speed</span>
        <select
          value={`${state.speed}`}
          onChange={(input) => dispatch({ do: "speed", speed: Number(input.currentTarget.value) })}
        >
          {SPEEDS.map((speed) => (
            <option key={speed} value={`${speed}`}>{`${speed} ×`}</option>
          ))}
        </select>
      </label>
    </div>
  );
}

function Sign({ d }: { readonly d: string }): JSX.Element {
  return (
    <Icon size={16}>
      <path d={d} fill="currentColor" />
    </Icon>
  );
}
