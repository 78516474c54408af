import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Button } from "./button.js";
import { applyTheme, readTheme } from "./theme.js";
import { nextTheme, type Theme } from "./theme-order.js";

const SIGNS: Readonly<Record<Theme, string>> = { auto: "◐", light: "○", dark: "●" };

/** Goes round: as the machine has it, light, dark. */
export function ThemeSwitch(): JSX.Element {
  const [theme, setTheme] = useState<Theme>(readTheme);
  const press = (): void => {
    const next = nextTheme(theme);
    applyTheme(next);
    setTheme(next);
  };
  return (
    <Button look="quiet" onPress={press} label={`Colours: ${theme}`} title={`Colours: ${theme}`}>
      <span aria-hidden="true">{SIGNS[theme]}</span>
    </Button>
  );
}
