import { VERDICTS, VerdictIcon } from "@synod/ui";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { CHAPTERS, scenariosOf, stepOf } from "../model/words.js";

/** All protocols, chapter by chapter: the way through the lecture. */
export function Ladder({ current }: { readonly current: string | null }): JSX.Element {
  const list = useRef<HTMLElement>(null);
  useEffect(() => {
    const step = list.current?.querySelector<HTMLElement>("[aria-current]");
    if (list.current === null || step === null || step === undefined) return;
    const top = step.offsetTop - list.current.offsetTop;
    const { scrollTop, clientHeight } = list.current;
    if (top < scrollTop || top > scrollTop + clientHeight - 80) list.current.scrollTop = top - clientHeight / 2;
  }, [current]);
  return (
    <nav class="ladder" ref={list} aria-label="Steps of the lecture">
      {CHAPTERS.map((chapter) => (
        <section key={chapter.title}>
          <h2>{chapter.title}</h2>
          <ol>
            {chapter.protocols.map((protocol) => {
              const [first] = scenariosOf(protocol.id);
              const step = stepOf(protocol.id);
              return (
                <li key={protocol.id}>
                  <a
                    href={`#/${first?.id ?? ""}`}
                    {...(protocol.id === current && { "aria-current": "page" as const })}
                  >
                    <span class="ladder-number">{step ?? "·"}</span>
                    {protocol.title}
                  </a>
                </li>
              );
            })}
          </ol>
        </section>
      ))}
    </nav>
  );
}

/** How the stories of a protocol end, as small signs. */
export function Endings({ protocol }: { readonly protocol: string }): JSX.Element {
  return (
    <span class="endings">
      <span class="sy-hidden">
        {" "}
        Its stories end:{" "}
        {scenariosOf(protocol)
          .map((scenario) => VERDICTS[scenario.verdict].word.toLowerCase())
          .join(", ")}
      </span>
      {scenariosOf(protocol).map((scenario) => (
        <VerdictIcon key={scenario.id} verdict={scenario.verdict} />
      ))}
    </span>
  );
}
