// What people write: configuration files, transactions, values of flags, backups that somebody hands over; and what comes over HTTP.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { readBackup, writeBackup } from "../../../synod/src/backup.js";
import { parseYaml } from "../../../synod/src/config-file.js";
import { parseTransaction } from "../../../synod/src/commands/txn.js";
import { CliError } from "../../../synod/src/exit-codes.js";
import { type HttpServer, httpServer } from "../../../synod/src/http-server.js";
import { fileSchema, SETTINGS } from "../../../synod/src/settings.js";
import { complaints } from "../../../synod/src/values.js";
import { textOf, utf8 } from "../samples.js";
import { outcomeOf, refusalOf, type Target } from "../target.js";

const CONFIG = `dataDir: /var/lib/synod
cluster: shop
members:
  - { id: 1, address: 10.0.0.1:7100, name: one }
  - 2=10.0.0.2:7100
clientListen: "[::1]:7101"
httpListen: off
electionTimeout: 500ms
servers: a:1,b:2
logFormat: json
`;
const JSON_CONFIG = '{"id": 3, "members": [{"id": 3, "address": "a:1"}], "timeout": 1.5, "x": &a [1], "y": *a}';
const TRANSACTION = `if:
  - { key: a, revision: 3 }
  - { key: b, value: x }
do:
  - { put: a, value: "1" }
  - { delete: b }
else:
  - { get: a }
  - { range: prefix }
`;
const FLAGS = [
  "1=10.0.0.1:7100,2=10.0.0.2:7100",
  "500ms",
  "1.5h",
  "[::1]:7100",
  "off",
  "12345678901234567890",
  "a:1,b:2",
  "json",
];

/** As the program does it: a refusal names what is wrong. */
function told(work: () => unknown): string {
  try {
    return outcomeOf(work);
  } catch (error) {
    if (error instanceof CliError) return error.message.replaceAll(/[0-9]+|found .*/g, "").slice(0, 80);
    throw error;
  }
}

function configuration(input: Uint8Array): unknown {
  const parsed = v.safeParse(fileSchema, parseYaml(textOf(input), "synod.yaml") ?? {});
  if (parsed.success) return parsed.output;
  return complaints(parsed.issues, "").map((text) => text.slice(0, 40));
}

/** Which settings would take it. */
function flags(input: Uint8Array): string {
  const text = textOf(input);
  const taken = Object.values(SETTINGS).map(({ schema }) => v.safeParse(schema, text).success);
  return taken.map(Number).join("");
}

async function backupTarget(place: string): Promise<Target> {
  const sound = join(place, "sound.backup");
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    yield utf8("what a snapshot holds");
  };
  await writeBackup(
    sound,
    { cluster: "shop", index: 5, bytes: 21, savedAt: "2026-11-21T00:00:00Z", nodeId: 1 },
    chunks(),
  );
  const spoiled = join(place, "spoiled.backup");
  return {
    name: "backup",
    samples: [new Uint8Array(readFileSync(sound))],
    async run(input) {
      writeFileSync(spoiled, input);
      let bytes = 0;
      try {
        for await (const chunk of readBackup(spoiled)) bytes += chunk.length;
        return `${bytes}`;
      } catch (error) {
        return refusalOf(error);
      }
    },
  };
}

const PAGES = {
  live: () => ({ ok: true, reason: "fine" }),
  ready: () => ({ ok: false, reason: "not yet" }),
  status: () => ({ version: "0" }),
  digest: () => ({ applied: 1, digest: "0" }),
  metrics: async () => ({ contentType: "text/plain", text: "one 1\n" }),
};
const REQUESTS = [
  "GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
  "GET /metrics?x=1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
  "HEAD /digest HTTP/1.0\r\n\r\n",
  "POST /status HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc",
  "GET /readyz HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n1\r\na\r\n0\r\n\r\n",
].map(utf8);

/** Everything that is sent is answered or cut off; the server goes on. */
function httpTarget(server: HttpServer): Target {
  const port = Number(server.address.split(":").at(-1));
  return {
    name: "http",
    samples: REQUESTS,
    run: (input) =>
      new Promise((resolve) => {
        let answer = "";
        const socket = connect({ port, host: "127.0.0.1" });
        socket.on("error", () => {});
        socket.on("data", (data) => (answer ||= textOf(data).slice(0, 15)));
        socket.once("close", () => resolve(answer));
        socket.end(input);
      }),
  };
}

export interface TextTargets {
  readonly targets: readonly Target[];
  close(): Promise<void>;
}

export async function textTargets(): Promise<TextTargets> {
  const place = mkdtempSync(join(tmpdir(), "synod-fuzz-"));
  const server = await httpServer("127.0.0.1:0", PAGES);
  const targets: Target[] = [
    {
      name: "configuration file",
      samples: [CONFIG, JSON_CONFIG].map(utf8),
      run: (input) => told(() => configuration(input)),
    },
    {
      name: "transaction file",
      samples: [utf8(TRANSACTION)],
      run: (input) => told(() => parseTransaction(textOf(input), "txn")),
    },
    { name: "values of flags", samples: FLAGS.map(utf8), run: flags },
    await backupTarget(place),
    httpTarget(server),
  ];
  const close = async (): Promise<void> => {
    await server.close();
    rmSync(place, { recursive: true, force: true });
  };
  return { targets, close };
}
