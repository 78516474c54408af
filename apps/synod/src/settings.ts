// Every setting once: its name in the file, its flag, its variable, its shape. A flag goes before a variable, a variable before the file.
import type { Member } from "@synod/interface";
import { type Command, Option } from "commander";
import * as v from "valibot";
import {
  address,
  addresses,
  listen,
  members,
  natural,
  nodeId,
  oneOf,
  percent,
  positive,
  text,
  timed,
} from "./values.js";

const ELECTION_TIMEOUT_MS_MIN = 20;

/** What the settings give once they are read. */
export interface Settings {
  readonly cluster: string;
  readonly id: number;
  readonly dataDir: string;
  readonly members: readonly Member[];
  readonly lease: number;
  readonly leaseDrift: number;
  readonly address: string;
  readonly contacts: readonly Member[];
  readonly listen: string;
  readonly clientListen: string;
  readonly httpListen: string;
  readonly tokensFile: string;
  readonly tlsCa: string;
  readonly tlsCert: string;
  readonly tlsKey: string;
  readonly electionTimeout: number;
  readonly priority: number;
  readonly snapshotLogBytes: number;
  readonly shutdownTimeout: number;
  readonly logFormat: "text" | "json";
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly servers: readonly string[];
  readonly token: string;
  readonly tokenFile: string;
  readonly timeout: number;
}

export type SettingName = keyof Settings;

interface Setting<T> {
  /** As commander has it: the name is that of the setting, in kebab case. */
  readonly flag: string;
  readonly env: string;
  readonly help: string;
  readonly schema: v.GenericSchema<unknown, T>;
}

export const SETTINGS: { readonly [Name in SettingName]: Setting<Settings[Name]> } = {
  cluster: { flag: "--cluster <name>", env: "SYNOD_CLUSTER", help: "name of the cluster", schema: text },
  id: { flag: "--id <number>", env: "SYNOD_ID", help: "id of the node, never used before", schema: nodeId },
  dataDir: { flag: "--data-dir <path>", env: "SYNOD_DATA_DIR", help: "directory of the node's store", schema: text },
  members: {
    flag: "--members <list>",
    env: "SYNOD_MEMBERS",
    help: "the founders: 1=host:port,2=host:port,...",
    schema: members,
  },
  lease: {
    flag: "--lease <duration>",
    env: "SYNOD_LEASE",
    help: "leader leases: its reads ask nobody, as long as clocks can be trusted; two to four election timeouts, for good, the same at every node",
    schema: timed,
  },
  leaseDrift: {
    flag: "--lease-drift <percent>",
    env: "SYNOD_LEASE_DRIFT",
    help: "by how much a clock may run faster or slower than true time; 1 by default",
    schema: percent,
  },
  address: {
    flag: "--address <host:port>",
    env: "SYNOD_ADDRESS",
    help: "where the others reach this node, if it is no founder or was moved",
    schema: address,
  },
  contacts: {
    flag: "--contacts <list>",
    env: "SYNOD_CONTACTS",
    help: "members of today, for a node that joins when all founders are gone: 7=host:port,...",
    schema: members,
  },
  listen: {
    flag: "--listen <host:port>",
    env: "SYNOD_LISTEN",
    help: "where to listen for the other nodes, if that is not the node's own address",
    schema: address,
  },
  clientListen: {
    flag: "--client-listen <host:port>",
    env: "SYNOD_CLIENT_LISTEN",
    help: "where to listen for clients; 127.0.0.1:7101 by default",
    schema: listen,
  },
  httpListen: {
    flag: "--http-listen <host:port>",
    env: "SYNOD_HTTP_LISTEN",
    help: "where to listen for probes and metrics, or off; 127.0.0.1:7102 by default",
    schema: listen,
  },
  tokensFile: {
    flag: "--tokens-file <path>",
    env: "SYNOD_TOKENS_FILE",
    help: "YAML list of { token, role } and { certificate, role } that clients are let in with; role is read, write or admin",
    schema: text,
  },
  tlsCa: { flag: "--tls-ca <path>", env: "SYNOD_TLS_CA", help: "PEM file of who is trusted", schema: text },
  tlsCert: { flag: "--tls-cert <path>", env: "SYNOD_TLS_CERT", help: "PEM file of the own certificate", schema: text },
  tlsKey: { flag: "--tls-key <path>", env: "SYNOD_TLS_KEY", help: "PEM file of the own key", schema: text },
  electionTimeout: {
    flag: "--election-timeout <duration>",
    env: "SYNOD_ELECTION_TIMEOUT",
    help: "a peer silent for this long counts as gone, at least 20ms; 250ms by default",
    schema: v.pipe(
      timed,
      v.check((ms) => ms >= ELECTION_TIMEOUT_MS_MIN, `expected at least ${ELECTION_TIMEOUT_MS_MIN}ms`),
    ),
  },
  priority: {
    flag: "--priority <number>",
    env: "SYNOD_PRIORITY",
    help: "of two nodes that could lead, the one with the higher priority goes first; 0 by default",
    schema: natural,
  },
  snapshotLogBytes: {
    flag: "--snapshot-log-bytes <number>",
    env: "SYNOD_SNAPSHOT_LOG_BYTES",
    help: "bytes of log after which a snapshot is taken; 67108864 (64 MiB) by default",
    schema: positive,
  },
  shutdownTimeout: {
    flag: "--shutdown-timeout <duration>",
    env: "SYNOD_SHUTDOWN_TIMEOUT",
    help: "how long calls under way may take after SIGTERM; 10s by default",
    schema: timed,
  },
  logFormat: {
    flag: "--log-format <format>",
    env: "SYNOD_LOG_FORMAT",
    help: "text or json; text by default, json with --json",
    schema: oneOf("text", "json"),
  },
  logLevel: {
    flag: "--log-level <level>",
    env: "SYNOD_LOG_LEVEL",
    help: "debug, info, warn or error; info by default",
    schema: oneOf("debug", "info", "warn", "error"),
  },
  servers: {
    flag: "--servers <list>",
    env: "SYNOD_SERVERS",
    help: "where nodes listen for clients: host:port,host:port,...; 127.0.0.1:7101 by default",
    schema: addresses,
  },
  token: { flag: "--token <token>", env: "SYNOD_TOKEN", help: "to be let in with", schema: text },
  tokenFile: { flag: "--token-file <path>", env: "SYNOD_TOKEN_FILE", help: "file that holds the token", schema: text },
  timeout: {
    flag: "--timeout <duration>",
    env: "SYNOD_TIMEOUT",
    help: "how long to try to reach the cluster and to be answered; 10s by default, 5m for changes of members and to take a snapshot",
    schema: timed,
  },
};

export const SETTING_NAMES: readonly SettingName[] = Object.keys(SETTINGS) as SettingName[];

/** Adds the flags of these settings, `--config` and `--json` to a command. */
export function withSettings(command: Command, names: readonly SettingName[]): Command {
  for (const name of names)
    command.addOption(new Option(SETTINGS[name].flag, `${SETTINGS[name].help} (${SETTINGS[name].env})`));
  return command
    .option("--config <path>", "configuration file, synod.yaml by default (SYNOD_CONFIG)")
    .option("--json", "print JSON, for programs");
}

/** The shape of the configuration file: any of the settings, and nothing else. */
export const fileSchema: v.GenericSchema<unknown, Partial<Settings>> = v.strictObject(
  Object.fromEntries(SETTING_NAMES.map((name) => [name, v.optional(SETTINGS[name].schema)])),
) as v.GenericSchema<unknown, Partial<Settings>>;
