// The files of deploy/ cannot be run here. So they are parsed, and held against what the program really has.
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { PATHS } from "../src/http-server.js";
import { allOf, buildProgram } from "../src/program.js";
import { SETTING_NAMES, SETTINGS } from "../src/settings.js";
import { CLOSING_MS, SHUTDOWN_MS } from "../src/times.js";
import { members, addresses } from "../src/values.js";
import { parse as parseValue } from "valibot";

const read = (path: string): string => readFileSync(new URL(`../../../deploy/${path}`, import.meta.url), "utf8");

const variables = new Set(SETTING_NAMES.map((name) => SETTINGS[name].env).concat("SYNOD_CONFIG"));
const commands = allOf(buildProgram());

/** A command line without the program's name: the command must exist, and take the flags. */
function checkCommandLine(words: readonly string[]): void {
  const [name = ""] = words;
  const command = commands.find((one) => one.name() === name) as Command;
  expect(command, name).toBeDefined();
  for (const word of words.slice(1).filter((one) => one.startsWith("--"))) {
    expect(
      command.options.map(({ long }) => long),
      `${name} ${word}`,
    ).toContain(word);
  }
}

/** Every `synod ...` that a comment tells people to type. */
function checkComments(content: string): void {
  const told = [
    ...content.matchAll(
      /\bsynod (init|start|status|health|member \w+)\b((?: --[\w-]+| [\w$()/.+ -]*?)*?)(?=\s{2,}#|`|;|$)/gm,
    ),
  ];
  for (const [, name = "", flags = ""] of told) {
    checkCommandLine([...name.split(" ").slice(-1), ...flags.split(" ").filter((word) => word.startsWith("--"))]);
  }
}

const portOf = (address: string): number => Number(address.split(":").at(-1));
const endsWithinMs = SHUTDOWN_MS + CLOSING_MS;

describe("Dockerfile", () => {
  // Lines that end in a backslash go on.
  const content = read("Dockerfile").replace(/\\\n\s*/g, " ");
  const instruction = (name: string): string => new RegExp(`^${name} (.*)$`, "m").exec(content)?.[1] ?? "";
  const env = Object.fromEntries(
    [...instruction("ENV").matchAll(/(\w+)=(\S+)/g)].map(([, name = "", value = ""]) => [name, value]),
  );

  it("starts the program with flags that it has", () => {
    expect(JSON.parse(instruction("ENTRYPOINT"))).toEqual(["synod"]);
    checkCommandLine(JSON.parse(instruction("CMD")) as string[]);
  });

  it("sets variables that there are, and exposes the ports of their addresses", () => {
    for (const name of Object.keys(env)) expect(variables).toContain(name);
    const ports = ["SYNOD_LISTEN", "SYNOD_CLIENT_LISTEN", "SYNOD_HTTP_LISTEN"].map((name) => portOf(env[name] ?? ""));
    expect(instruction("EXPOSE").split(" ").map(Number)).toEqual(ports);
    expect(instruction("VOLUME")).toBe(env["SYNOD_DATA_DIR"]);
  });

  it("does not run as root", () => {
    expect(instruction("USER")).toBe("node");
  });
});

describe("compose.yaml", () => {
  interface Service {
    environment: Record<string, string>;
    volumes: string[];
    ports: string[];
    healthcheck: { test: string[] };
    stop_grace_period: string;
  }
  const content = read("compose.yaml");
  const { services, volumes } = parse(content, { merge: true }) as {
    services: Record<string, Service>;
    volumes: Record<string, null>;
  };

  it("has each founder once, under its name, with a volume of its own", () => {
    const founders = parseValue(members, Object.values(services)[0]?.environment["SYNOD_MEMBERS"]);
    expect(founders.map(({ address }) => address?.split(":")[0])).toEqual(Object.keys(services));
    for (const [name, { environment, volumes: mounts }] of Object.entries(services)) {
      expect(founders.find(({ address }) => address?.startsWith(`${name}:`))?.id).toBe(Number(environment["SYNOD_ID"]));
      expect(mounts).toEqual([`${name}:/var/lib/synod`]);
      for (const variable of Object.keys(environment)) expect(variables).toContain(variable);
    }
    expect(Object.keys(volumes)).toEqual(Object.keys(services));
  });

  it("asks the page that there is, and waits long enough at the end", () => {
    for (const { healthcheck, stop_grace_period: grace, ports } of Object.values(services)) {
      const url = new URL(healthcheck.test.at(-1) ?? "");
      expect(PATHS).toContain(url.pathname);
      expect(url.port).toBe("7102");
      expect(Number(grace.replace("s", "")) * 1000).toBeGreaterThan(endsWithinMs);
      expect(ports.map((port) => port.split(":").at(-1))).toEqual(["7101", "7102"]);
    }
    checkComments(content);
  });
});

describe("kubernetes/synod.yaml", () => {
  interface Labels {
    "app.kubernetes.io/name": string;
  }
  interface Probe {
    httpGet: { path: string; port: string };
  }
  interface Container {
    args: string[];
    env: { name: string; value: string }[];
    envFrom: { configMapRef: { name: string } }[];
    ports: { name: string; containerPort: number }[];
    livenessProbe: Probe;
    readinessProbe: Probe;
    volumeMounts: { name: string; mountPath: string }[];
  }
  interface Resource {
    kind: string;
    metadata: { name: string };
    data: Record<string, string>;
    spec: {
      clusterIP?: string;
      publishNotReadyAddresses?: boolean;
      selector: Labels & { matchLabels: Labels };
      ports: { port: number; targetPort: string }[];
      serviceName: string;
      replicas: number;
      maxUnavailable: number;
      template: {
        metadata: { labels: Labels; annotations: Record<string, string> };
        spec: { terminationGracePeriodSeconds: number; containers: Container[] };
      };
      volumeClaimTemplates: { metadata: { name: string } }[];
    };
  }
  const content = read("kubernetes/synod.yaml");
  const resources = parseAllDocuments(content).map((document) => document.toJS() as Resource);
  const find = (kind: string, name = "synod"): Resource => {
    const found = resources.find((one) => one.kind === kind && one.metadata.name === name);
    if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
    return found;
  };
  const set = find("StatefulSet").spec;
  const config = find("ConfigMap");
  const container = set.template.spec.containers[0] as Container;
  const env = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));
  const label = set.template.metadata.labels["app.kubernetes.io/name"];

  it("runs the program with flags and variables that it has", () => {
    checkCommandLine(container.args);
    for (const name of [...Object.keys(env), ...Object.keys(config.data)]) expect(variables).toContain(name);
    expect(container.envFrom[0]?.configMapRef.name).toBe(config.metadata.name);
    expect(container.volumeMounts[0]).toEqual({
      name: set.volumeClaimTemplates[0]?.metadata.name,
      mountPath: env["SYNOD_DATA_DIR"],
    });
    checkComments(content);
  });

  it("listens on the ports that containers, services and probes name", () => {
    const ports = Object.fromEntries(container.ports.map(({ name, containerPort }) => [name, containerPort]));
    expect(ports).toEqual({
      nodes: portOf(env["SYNOD_LISTEN"] ?? ""),
      clients: portOf(env["SYNOD_CLIENT_LISTEN"] ?? ""),
      http: portOf(env["SYNOD_HTTP_LISTEN"] ?? ""),
    });
    for (const { spec } of resources.filter(({ kind }) => kind === "Service")) {
      for (const { port, targetPort } of spec.ports) expect(ports[targetPort]).toBe(port);
    }
    for (const { httpGet } of [container.livenessProbe, container.readinessProbe]) {
      expect(PATHS).toContain(httpGet.path);
      expect(ports[httpGet.port]).toBe(7102);
    }
    expect(container.livenessProbe.httpGet.path).toBe("/livez");
    expect(container.readinessProbe.httpGet.path).toBe("/readyz");
    const { annotations } = set.template.metadata;
    expect(PATHS).toContain(annotations["prometheus.io/path"]);
    expect(Number(annotations["prometheus.io/port"])).toBe(ports["http"]);
  });

  it("names each pod by the headless service, which knows pods that are not ready", () => {
    const headless = find("Service", set.serviceName).spec;
    expect(headless).toMatchObject({ clusterIP: "None", publishNotReadyAddresses: true });
    const names = Array.from({ length: set.replicas }, (_, i) => `synod-${i}.${set.serviceName}`);
    const founders = parseValue(members, config.data["SYNOD_MEMBERS"]);
    expect(founders).toEqual(names.map((name, i) => ({ id: i + 1, address: `${name}:7100` })));
    expect(parseValue(addresses, config.data["SYNOD_SERVERS"])).toEqual(names.map((name) => `${name}:7101`));
  });

  it("selects its own pods, keeps a majority while nodes are drained, and waits long enough at the end", () => {
    const budget = find("PodDisruptionBudget").spec;
    for (const selector of [set.selector.matchLabels, budget.selector.matchLabels]) {
      expect(selector["app.kubernetes.io/name"]).toBe(label);
    }
    expect(set.replicas - budget.maxUnavailable).toBeGreaterThan(set.replicas / 2);
    expect(set.template.spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(endsWithinMs);
  });
});

describe("systemd/synod.service", () => {
  const content = read("systemd/synod.service");
  const value = (key: string): string => new RegExp(`^${key}=(.*)$`, "m").exec(content)?.[1] ?? "";

  it("starts the program with flags and variables that it has, and ends it in order", () => {
    const [program = "", ...words] = value("ExecStart").split(" ");
    expect(program).toMatch(/\/synod$/);
    checkCommandLine(words);
    const [variable = "", directory] = value("Environment").split("=");
    expect(variables).toContain(variable);
    expect(directory).toBe(`/var/lib/${value("StateDirectory")}`);
    expect(value("KillSignal")).toBe("SIGTERM");
    expect(Number(value("TimeoutStopSec")) * 1000).toBeGreaterThan(endsWithinMs);
    checkComments(content);
  });
});
