import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import * as v from "valibot";
import type * as Yaml from "yaml";
import { CliError } from "./exit-codes.js";
import { fileSchema, SETTING_NAMES, type Settings } from "./settings.js";
import { complaints } from "./values.js";

export interface ConfigFile {
  /** Null if there is none. */
  readonly path: string | null;
  readonly values: Partial<Settings>;
}

const DEFAULT_PATH = "synod.yaml";

/**
 * Reads the configuration file, YAML or JSON. Only the default one may be missing.
 * @throws CliError that names each place where something else was found than expected.
 */
export function configFileOf(named: string | undefined): ConfigFile {
  const path = named ?? DEFAULT_PATH;
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (cause) {
    if (named === undefined && (cause as NodeJS.ErrnoException).code === "ENOENT") return { path: null, values: {} };
    throw new CliError("usage", `cannot read the configuration file: ${(cause as Error).message}`, { cause });
  }
  return { path, values: parseConfig(content, path) };
}

function parseConfig(content: string, path: string): Partial<Settings> {
  const value = parseYaml(content, path) ?? {};
  const parsed = v.safeParse(fileSchema, value);
  if (parsed.success) return parsed.output;
  const wrong = complaints(parsed.issues, "").map((text) => `${path}: ${text}`);
  const unknown = wrong.some((text) => text.includes("no such key"));
  throw new CliError("usage", [...wrong, ...(unknown ? [`the keys are ${SETTING_NAMES.join(", ")}`] : [])].join("\n"));
}

/** @throws CliError with line and column, and nothing of what stands there: it may be a secret. */
export function parseYaml(content: string, path: string): unknown {
  // Loaded where there is a file: that takes longer than most commands.
  const { LineCounter, parseDocument } = createRequire(import.meta.url)("yaml") as typeof Yaml;
  const lineCounter = new LineCounter();
  const document = parseDocument(content, { prettyErrors: false, lineCounter, logLevel: "error" });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lineCounter.linePos(error.pos[0]);
    throw new CliError("usage", `${path}: line ${line}, column ${col}: ${sayOf(error.code)}`);
  }
  try {
    return document.toJS();
  } catch {
    // Of nothing, of itself, or of so many others that no memory would hold what they stand for.
    throw new CliError("usage", `${path}: an alias (*) stands for nothing that can be used`);
  }
}

/** The texts of the parser quote what they find. */
const sayOf = (code: string): string => `this is no valid YAML (${code.toLowerCase().replaceAll("_", " ")})`;
