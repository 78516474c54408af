import type { JSX } from "preact";
import type { ClusterView, ReplicaView } from "../view.js";
import { CROWN } from "./icons.js";
import { grouped, isUp, linkState, rateOf, roleOf, roundOf, type Run } from "./looks.js";

const WIDTH = 560;
const HEIGHT = 400;
const RING_X = 205;
const RING_Y = 138;
const DOT = 34;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** The replicas on a ring with all links between them; a press on a link cuts or heals it. */
export function Topology({ view, run }: { readonly view: ClusterView; readonly run: Run }): JSX.Element {
  const { replicas } = view;
  const places = new Map(replicas.map(({ id }, index) => [id, place(index, replicas.length)]));
  const pairs = replicas.flatMap((a, index) => replicas.slice(index + 1).map((b) => [a.id, b.id] as const));
  return (
    <div class="topology" role="group" aria-label="Links between the servers">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="group" aria-label="Servers and links">
        {pairs.map(([a, b]) => {
          const [from, to] = [places.get(a), places.get(b)];
          return from && to && <Link key={`${a}-${b}`} view={view} a={a} b={b} from={from} to={to} run={run} />;
        })}
        {replicas.map((replica) => {
          const at = places.get(replica.id);
          return at && <Server key={replica.id} replica={replica} at={at} leads={view.leader === replica.id} />;
        })}
      </svg>
    </div>
  );
}

function place(index: number, count: number): Point {
  const turn = (index / count) * 2 * Math.PI - Math.PI / 2;
  const ring = count === 1 ? 0 : 1;
  // Three stand as a triangle, whose middle lies lower.
  const lift = count === 3 ? 24 : -6;
  return { x: WIDTH / 2 + ring * RING_X * Math.cos(turn), y: HEIGHT / 2 + lift + ring * RING_Y * Math.sin(turn) };
}

interface LinkProps {
  readonly view: ClusterView;
  readonly a: number;
  readonly b: number;
  readonly from: Point;
  readonly to: Point;
  readonly run: Run;
}

function Link({ view, a, b, from, to, run }: LinkProps): JSX.Element {
  const state = linkState(view, a, b);
  const rates = [rateOf(view, a, b), rateOf(view, b, a)] as const;
  const verb = state === "cut" ? "heal" : "cut";
  const press = (): void => run(`${verb} ${a} ${b}`);
  const [start, end] = [towards(from, to, DOT + 7), towards(to, from, DOT + 7)];
  const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
  const words = state === "up" ? `${grouped(rates[0] + rates[1])}/s` : state === "down" ? "" : state;
  return (
    <g
      class="link"
      data-state={state}
      role="button"
      tabindex={0}
      aria-label={`${verb} the link between S${a} and S${b}${words === "" ? "" : `, now ${words}`}`}
      onClick={press}
      onKeyDown={(event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        press();
      }}
    >
      <path class="hit" d={line(start, end)} />
      <path class="wire" d={line(start, end)} stroke-width={thickness(rates[0] + rates[1])} />
      {state === "up" && (
        <path class={`flow flow-${pace(rates[0])}`} d={line(aside(start, end), aside(end, start, -1))} />
      )}
      {state === "up" && (
        <path class={`flow flow-${pace(rates[1])}`} d={line(aside(end, start), aside(start, end, -1))} />
      )}
      {state === "cut" && <path class="cross" d={crossAt(middle)} />}
      {words !== "" && (
        <text class="rate" {...outside(from, to)}>
          {words}
        </text>
      )}
    </g>
  );
}

function Server({
  replica,
  at,
  leads,
}: {
  readonly replica: ReplicaView;
  readonly at: Point;
  readonly leads: boolean;
}): JSX.Element {
  const role = roleOf(replica);
  // Whoever still believes to lead wears the crown too: two at once are no mistake.
  const crowned = leads || (isUp(replica) && replica.role === "leader");
  const words = besides(at);
  return (
    <g class="server" data-role={role} data-leads={leads}>
      <circle cx={at.x} cy={at.y} r={DOT} />
      {role === "down" && <path class="cross" d={crossAt(at, DOT)} />}
      <text class="name" x={at.x} y={at.y + (role === "leader" ? 9 : 7)}>
        S{replica.id}
      </text>
      {crowned && <path class="crown" d={CROWN} transform={`translate(${at.x - 13} ${at.y - DOT - 24}) scale(1.3)`} />}
      <text class="role" x={words.x} y={words.y} text-anchor={words.anchor}>
        {replica.slowMs > 0 ? `${role}, slow disk` : role}
      </text>
      <text class="gate" x={words.x} y={words.y + 17} text-anchor={words.anchor}>
        {replica.promised === null ? "" : `[ ${roundOf(replica.promised)}`}
      </text>
    </g>
  );
}

/** Where there are no links: beside the upper ones, below the others. */
function besides({ x, y }: Point): Point & { readonly anchor: "start" | "middle" | "end" } {
  if (y > HEIGHT / 2 - 30) return { x, y: y + DOT + 18, anchor: "middle" };
  const right = x >= WIDTH / 2 - 1;
  return { x: x + (right ? DOT + 12 : -DOT - 12), y: y - 3, anchor: right ? "start" : "end" };
}

const line = (from: Point, to: Point): string => `M${from.x} ${from.y}L${to.x} ${to.y}`;

/** The point so far from `from` on the way to `to`. */
function towards(from: Point, to: Point, distance: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  return { x: from.x + ((to.x - from.x) * distance) / length, y: from.y + ((to.y - from.y) * distance) / length };
}

/** A little to the right of the way from `from` to `to`, so that both directions can be seen. */
function aside(from: Point, to: Point, side: 1 | -1 = 1): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  return { x: from.x - (side * 5 * (to.y - from.y)) / length, y: from.y + (side * 5 * (to.x - from.x)) / length };
}

/** Beside the middle of a link, on its outer side, where neither the link nor its cross is. */
function outside(from: Point, to: Point): Point & { readonly "text-anchor": "start" | "middle" | "end" } {
  const [x, y] = [(from.x + to.x) / 2, (from.y + to.y) / 2];
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const normal = { x: (to.y - from.y) / length, y: (from.x - to.x) / length };
  const away = normal.x * (x - WIDTH / 2) + normal.y * (y - HEIGHT / 2) < 0 ? -1 : 1;
  const [dx, dy] = [normal.x * away, normal.y * away];
  const anchor = Math.abs(dx) < 0.4 ? "middle" : dx > 0 ? "start" : "end";
  return { x: x + dx * 16, y: y + dy * 18 + 4, "text-anchor": anchor };
}

const crossAt = ({ x, y }: Point, size = 9): string =>
  `M${x - size} ${y - size}L${x + size} ${y + size}M${x + size} ${y - size}L${x - size} ${y + size}`;

const thickness = (rate: number): number => 1.5 + Math.min(5, Math.log10(1 + rate) * 1.5);

/** In steps, so that the dots do not jump whenever a rate changes a little. */
const pace = (rate: number): "none" | "slow" | "some" | "fast" =>
  rate < 1 ? "none" : rate < 60 ? "slow" : rate < 600 ? "some" : "fast";
