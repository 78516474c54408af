import { readFileSync } from "node:fs";
import type { ClientToken } from "@synod/server";
import * as v from "valibot";
import { parseYaml } from "./config-file.js";
import { CliError } from "./exit-codes.js";
import { complaints, oneOf, text } from "./values.js";

const schema = v.array(
  v.strictObject({ token: text, role: oneOf("read", "write", "admin") }),
  "expected a list of { token, role }",
);

/** @throws CliError that names the place, and never the token */
export function readTokens(path: string): ClientToken[] {
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (cause) {
    throw new CliError("usage", `tokensFile: ${(cause as Error).message}`, { cause });
  }
  const parsed = v.safeParse(schema, parseYaml(content, path));
  if (!parsed.success) {
    const places = complaints(parsed.issues, path).map((one) => one.replace(/, found .*$/s, ""));
    throw new CliError("usage", places.join("\n"));
  }
  if (parsed.output.length === 0) throw new CliError("usage", `${path}: expected at least one { token, role }`);
  return parsed.output;
}
