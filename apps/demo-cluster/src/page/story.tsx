import { Card } from "@synod/ui";
import type { JSX } from "preact";
import type { Told } from "../story.js";
import { ToneIcon } from "./icons.js";
import { clock } from "./looks.js";

const SHOWN = 60;

/** What just happened, in the words of a lecture, with the rule behind it; newest first. */
export function StoryPanel({ story }: { readonly story: readonly Told[] }): JSX.Element {
  // By when it was: what a server says of itself comes a little later than what it is asked for.
  const byTime = story.slice(-SHOWN).sort((a, b) => a.atMs - b.atMs || a.number - b.number);
  const [latest, ...earlier] = byTime.reverse();
  const announced = story.filter(({ tone }) => tone === "leader" || tone === "fault").at(-1);
  return (
    <Card title="What just happened" class="story">
      <p class="sy-hidden" role="status">
        {announced?.text}
      </p>
      {latest === undefined ? <p class="soft">Nothing yet: the servers are starting.</p> : <Latest told={latest} />}
      <ol class="earlier" tabindex={0} aria-label="Earlier">
        {earlier.map((told) => (
          <li key={told.number}>
            <ToneIcon tone={told.tone} />
            <p>{told.text}</p>
            <time>{clock(told.atMs)}</time>
          </li>
        ))}
      </ol>
    </Card>
  );
}

function Latest({ told }: { readonly told: Told }): JSX.Element {
  return (
    <div class="latest">
      <ToneIcon tone={told.tone} />
      <div>
        <p class="said">{told.text}</p>
        {told.rule !== undefined && (
          <p class="rule">
            <b>The rule.</b> {told.rule}
          </p>
        )}
        {told.watch !== undefined && (
          <p class="rule">
            <b>Watch.</b> {told.watch}
          </p>
        )}
      </div>
    </div>
  );
}
