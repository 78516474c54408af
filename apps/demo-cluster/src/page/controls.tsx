import { Button, Card } from "@synod/ui";
import type { JSX } from "preact";
import type { ClusterView, Sample } from "../view.js";
import { grouped, type Run, silenceOf, timeText } from "./looks.js";

const LOADS = [0, 200, 1000, 2000, 5000] as const;

/** What is done to the cluster as a whole. */
export function Controls({ view, run }: { readonly view: ClusterView; readonly run: Run }): JSX.Element {
  const { leader, replicas } = view;
  const many = replicas.length >= 3;
  const act = (line: string) => () => run(line);
  return (
    <Card title="The cluster" class="controls">
      <div class="buttons" role="group" aria-label="Load, commands a second">
        <span class="soft">Load</span>
        {LOADS.map((rate) => (
          <Button
            key={rate}
            onPress={act(`load ${rate}`)}
            pressed={view.loadPerSecond === rate}
            label={rate === 0 ? "Load off" : `Load ${grouped(rate)} a second`}
          >
            {rate === 0 ? "off" : grouped(rate)}
          </Button>
        ))}
      </div>
      <div class="buttons" role="group" aria-label="Faults">
        <span class="soft">Faults</span>
        <Button onPress={act(`kill ${leader}`)} off={leader === null}>
          Kill the leader
        </Button>
        <Button onPress={act(`cut ${leader}`)} off={leader === null || replicas.length === 1}>
          Cut the leader off
        </Button>
        <Button onPress={act(`star ${leader}`)} off={leader === null || !many}>
          Star around the leader
        </Button>
        <Button onPress={act("chain")} off={!many}>
          Chain
        </Button>
        <Button onPress={act("heal")} off={view.cuts.length === 0} look="main">
          Heal all
        </Button>
      </div>
      <div class="buttons" role="group" aria-label="Members and upkeep">
        <span class="soft">Members</span>
        <Button onPress={act(`add ${view.freshId}`)}>Add S{view.freshId}</Button>
        <Button onPress={act("snapshot")}>Snapshot all</Button>
        <Button onPress={act("roll")}>Restart all in turn</Button>
      </div>
    </Card>
  );
}

interface FiguresProps {
  readonly view: ClusterView;
  readonly samples: readonly Sample[];
}

/** What callers see, in large type. While nobody is answered, for how long. */
export function Figures({ view, samples }: FiguresProps): JSX.Element {
  const { perSecond, p50Ms, p99Ms, acknowledged, failed } = view.throughput;
  const ms = (value: number): string => (perSecond === 0 ? "–" : timeText(value));
  const silentMs = view.loadPerSecond > 0 && perSecond === 0 ? silenceOf(samples) : null;
  const figures: readonly (readonly [string, string])[] = [
    [view.leader === null ? "none" : `S${view.leader}`, "leads"],
    [grouped(perSecond), "acknowledged a second"],
    silentMs === null ? [ms(p50Ms), "half within"] : [`${(silentMs / 1000).toFixed(0)} s`, "without an answer"],
    [ms(p99Ms), "99 % within"],
    [grouped(acknowledged), "acknowledged so far"],
    [grouped(failed), "refused, or not known"],
  ];
  return (
    <dl class="figures" aria-label="What callers see">
      {figures.map(([value, name]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
