import { VerdictIcon } from "@synod/ui";
import type { JSX } from "preact";
import { CHAPTERS, scenariosOf, stepOf } from "../model/words.js";

/** All protocols, chapter by chapter: the way through the lecture. */
export function Ladder({ current }: { readonly current: string | null }): JSX.Element {
  return (
    <nav class="ladder" aria-label="Steps of the lecture">
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
      {scenariosOf(protocol).map((scenario) => (
        <VerdictIcon key={scenario.id} verdict={scenario.verdict} />
      ))}
    </span>
  );
}
