import { Button, Kbd, MarksLegend } from "@synod/ui";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { KEYS } from "../model/keys.js";
import { MESSAGES } from "../model/words.js";

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
            “ACC 4 #1 m1” reads: accept m1 in round 4 as command number 1. Dashed lines prepare, solid lines with a full
            head ask to accept, dotted lines tell what was accepted or decided.
          </p>
        </div>
      </div>
    </dialog>
  );
}
