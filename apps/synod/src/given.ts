import * as v from "valibot";
import { type ConfigFile, configFileOf } from "./config-file.js";
import { CliError } from "./exit-codes.js";
import { type SettingName, type Settings, SETTINGS } from "./settings.js";
import { complaints } from "./values.js";

/** What the user gave, before any of it is asked for. */
export class Given {
  readonly #flags: Readonly<Record<string, unknown>>;
  readonly #env: NodeJS.ProcessEnv;
  readonly #file: ConfigFile;

  constructor(flags: object, env: NodeJS.ProcessEnv) {
    this.#flags = { ...flags };
    this.#env = env;
    const named = this.#flags["config"] ?? env["SYNOD_CONFIG"];
    this.#file = configFileOf(typeof named === "string" && named !== "" ? named : undefined);
  }

  /** Whether the output is for programs. */
  get json(): boolean {
    return this.#flags["json"] === true;
  }

  /** The setting, or undefined if nobody gave it. @throws CliError that names flag, variable or place in the file. */
  get<Name extends SettingName>(name: Name): Settings[Name] | undefined {
    const { env, flag } = SETTINGS[name];
    const flagName = flag.replace(/ .*/, "");
    const fromEnv = this.#env[env];
    if (this.#flags[name] !== undefined) return parse(name, this.#flags[name], flagName);
    if (fromEnv !== undefined && fromEnv !== "") return parse(name, fromEnv, env);
    if (this.#file.values[name] !== undefined) return this.#file.values[name];
    return undefined;
  }

  /** @throws CliError that says how it can be given. */
  need<Name extends SettingName>(name: Name): Settings[Name] {
    const value = this.get(name);
    if (value !== undefined) return value;
    const { flag, env, help } = SETTINGS[name];
    const file = this.#file.path ?? "synod.yaml";
    throw new CliError("usage", `${name} is missing (${help}): give ${flag}, ${env}, or ${name} in ${file}`);
  }
}

function parse<Name extends SettingName>(name: Name, value: unknown, at: string): Settings[Name] {
  const schema: v.GenericSchema<unknown, Settings[Name]> = SETTINGS[name].schema;
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  throw new CliError("usage", complaints(parsed.issues, at).join("\n"));
}
