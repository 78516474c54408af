import { Button, ThemeSwitch } from "@synod/ui";
import type { JSX } from "preact";

interface HeaderProps {
  readonly onHelp: () => void;
  readonly onFile: (file: File) => void;
  readonly page: string;
}

export function Header({ onHelp, onFile, page }: HeaderProps): JSX.Element {
  return (
    <header class="top">
      <a class="brand" href="#/" aria-label="Synod: Paxos from scratch">
        <svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true">
          <path d="M8 4v24M24 4v24M8 8l16 6M24 16L8 23" stroke="currentColor" stroke-width="2.6" fill="none" />
          <circle cx="24" cy="14" r="3.4" fill="currentColor" />
          <circle cx="8" cy="23" r="3.4" fill="currentColor" />
        </svg>
        <span>Synod</span>
      </a>
      <nav class="top-nav" aria-label="Pages">
        <a href="#/" {...(page === "home" && { "aria-current": "page" as const })}>
          Lecture
        </a>
        <a href="#/free/synod-multipaxos" {...(page === "free" && { "aria-current": "page" as const })}>
          Free play
        </a>
        <label class="file-link">
          <span>
            <span class="wide">Open a </span>trace
          </span>
          <input
            type="file"
            class="sy-hidden"
            accept=".json,application/json"
            aria-label="Open a trace file"
            onChange={(input) => {
              const [file] = input.currentTarget.files ?? [];
              if (file !== undefined) onFile(file);
              input.currentTarget.value = "";
            }}
          />
        </label>
      </nav>
      <div class="top-tools">
        <ThemeSwitch />
        <Button look="quiet" onPress={onHelp} label="Help and keys" title="Help and keys (?)">
          ?
        </Button>
      </div>
    </header>
  );
}
