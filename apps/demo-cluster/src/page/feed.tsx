import { Button, Card } from "@synod/ui";
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { clock, type Run } from "./looks.js";
import type { Line } from "./store.js";

/** Signs of the kinds of lines. */
const SIGNS: Readonly<Record<Line["kind"], string>> = {
  typed: "›",
  answer: " ",
  leader: "★",
  bad: "✕",
  good: "○",
  plain: "·",
};

/** Events, what was typed and what was answered, newest at the bottom; and a line to type into. */
export function Feed({ lines, run }: { readonly lines: readonly Line[]; readonly run: Run }): JSX.Element {
  const list = useRef<HTMLOListElement>(null);
  const follows = useRef(true);
  useLayoutEffect(() => {
    const element = list.current;
    // Someone who has scrolled up is reading.
    if (element !== null && follows.current) element.scrollTop = element.scrollHeight;
  }, [lines.at(-1)?.key]);
  return (
    <Card title="Events, and the prompt" class="feed">
      <ol
        ref={list}
        tabindex={0}
        aria-label="Events"
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          follows.current = scrollHeight - scrollTop - clientHeight < 40;
        }}
      >
        {lines.map(({ key, atMs, kind, text }) => (
          <li key={key} data-kind={kind}>
            <time>{clock(atMs)}</time>
            <i aria-hidden="true">{SIGNS[kind]}</i>
            <span>{text}</span>
          </li>
        ))}
      </ol>
      <Prompt run={run} />
    </Card>
  );
}

function Prompt({ run }: { readonly run: Run }): JSX.Element {
  const [text, setText] = useState("");
  const submit = (): void => {
    if (text.trim() === "") return;
    run(text);
    setText("");
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <span aria-hidden="true">›</span>
      <input
        name="line"
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        maxlength={1000}
        placeholder="put k v, get k, slow 2 500, help"
        aria-label="Command"
      />
      <Button onPress={submit}>Run</Button>
    </form>
  );
}
