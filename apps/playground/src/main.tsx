import "@synod/ui/theme.css";
import "./page.css";
import { applyTheme, readTheme } from "@synod/ui";
import { render } from "preact";
import { App } from "./view/app.js";
import { startWorker } from "./worker.js";

// The same script is the page and, where there is no document, the worker that searches.
if (typeof document === "undefined") {
  startWorker();
} else {
  applyTheme(readTheme());
  const place = document.querySelector("#app");
  if (place !== null) render(<App />, place);
}
