import type { ComponentChildren, JSX } from "preact";
import type { Event, Stage, Tab } from "../model/state.js";

const TABS: readonly { readonly tab: Tab; readonly words: string }[] = [
  { tab: "servers", words: "Servers" },
  { tab: "code", words: "Code" },
  { tab: "compare", words: "Compare" },
  { tab: "rules", words: "Log, rules" },
  { tab: "search", words: "Search" },
];

interface TabsProps {
  readonly stage: Stage;
  readonly dispatch: (event: Event) => void;
  readonly children: ComponentChildren;
}

/** What stands beside the picture, one thing at a time. Arrow keys go from tab to tab, as they do everywhere. */
export function Tabs({ stage, dispatch, children }: TabsProps): JSX.Element {
  const index = TABS.findIndex(({ tab }) => tab === stage.tab);
  const move = (event: KeyboardEvent): void => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? TABS.length - 1 : 0;
    const next = TABS[(index + by) % TABS.length];
    if (by === 0 || next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    dispatch({ do: "tab", tab: next.tab });
    document.querySelector<HTMLElement>(`#tab-${next.tab}`)?.focus();
  };
  return (
    <div class="tabs">
      <div class="tab-list" role="tablist" aria-label="Beside the picture" onKeyDown={move}>
        {TABS.map(({ tab, words }) => (
          <button
            key={tab}
            type="button"
            role="tab"
            id={`tab-${tab}`}
            class="tab"
            aria-selected={tab === stage.tab}
            aria-controls="tab-panel"
            tabIndex={tab === stage.tab ? 0 : -1}
            onClick={() => dispatch({ do: "tab", tab })}
          >
            {words}
          </button>
        ))}
      </div>
      <div class="tab-panel" id="tab-panel" role="tabpanel" aria-labelledby={`tab-${stage.tab}`} tabIndex={0}>
        {children}
      </div>
    </div>
  );
}
