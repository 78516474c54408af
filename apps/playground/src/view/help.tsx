import { Button, Kbd, MarksLegend } from "@synod/ui";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { KEYS } from "../model/keys.js";
import { MESSAGES } from "../model/words.js";

/** What else the picture shows. */
const SIGNS: readonly (readonly [string, string])[] = [
  ["[ 2", "a promise: this server lets nothing of a round below 2 in any more"],
  ["crown, thick line", "this server believes that it leads; two may believe it at once"],
  ["eye", "this server thinks that another one is down, rightly or not"],
  ["▸ m1 m2", "executed: everything that this server has done, in order"],
  ["bar and ×", "a message that is refused, and why"],
  ["× on an arrow", "a message that is lost"],
  ["× on a line", "a crash; the line is dotted while the server is down"],
  ["ring", "a server is back; at the foot of the picture a message that is still on its way"],
  ["shade", "the network is cut"],
  ["sent 8 rows ago", "a message that arrives late"],
  ["grey band", "the row that decides the verdict"],
];

/** What the keys do and what the picture means, over the page. */
export function Help({ onClose }: { readonly onClose: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={onClose}>
      <header class="help-head">
        <h2 id="help-title">How to read it, and the keys</h2>
        <Button onPress={onClose} label="Close the help">
          Close
        </Button>
      </header>
      <p>
        Each line that runs down is a process, and time runs down with it: order, not seconds. Each row is one event. A
        slanted line is a message.
      </p>
      <MarksLegend />
      <dl class="signs">
        {SIGNS.map(([sign, words]) => (
          <div key={sign}>
            <dt>{sign}</dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      <div class="help-columns">
        <div>
          <h3>Keys</h3>
          <dl>
            {KEYS.map(({ keys, does }) => (
              <div key={does}>
                <dt>
                  {keys.map((key) => (
                    <Kbd key={key}>{key}</Kbd>
                  ))}
                </dt>
                <dd>{does}</dd>
              </div>
            ))}
          </dl>
        </div>
        <div>
          <h3>Messages</h3>
          <dl>
            {Object.entries(MESSAGES).map(([type, words]) => (
              <div key={type}>
                <dt>
                  <b>{type}</b>
                </dt>
                <dd>{words}</dd>
              </div>
            ))}
          </dl>
          <p class="soft">
            “ACC 4 #1 m1” reads: accept m1 in round 4 as command number 1. “PROM 5 #1 (4, m1)”: I promise round 5, and
            for number 1 I have accepted m1, in round 4. Dashed lines prepare, solid lines with a full head ask to
            accept, dotted lines tell what was accepted or chosen.
          </p>
        </div>
      </div>
    </dialog>
  );
}
