import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { webcrypto } from "node:crypto";
import type * as X509Module from "@peculiar/x509";
import type { X509Certificate } from "@peculiar/x509";
import { type Command, InvalidArgumentError } from "commander";
import { nodeUri } from "@synod/transport-tcp";
import { CliError } from "../exit-codes.js";
import { makeOutput } from "../output.js";

type X509 = typeof X509Module;

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;

interface Authority {
  readonly certificate: X509Certificate;
  readonly key: webcrypto.CryptoKey;
}

interface CertFlags {
  readonly json?: boolean;
  readonly out: string;
  readonly days: number;
  readonly host: string[];
}

const days = (value: string): number => {
  const count = Number(value);
  if (!Number.isInteger(count) || count < 1 || count > 3650) throw new InvalidArgumentError("expected 1 to 3650 days");
  return count;
};
const nodeNumber = (value: string): number => {
  const id = Number(value);
  if (!Number.isSafeInteger(id) || id < 1) throw new InvalidArgumentError("expected a node id, a whole number from 1");
  return id;
};

export function addCert(program: Command): void {
  const cert = program
    .command("cert")
    .summary("make certificates for tests")
    .description(
      "Makes certificates for tests and small set-ups. Keys are written unencrypted: for production use your own authority.",
    );
  cert
    .command("ca")
    .description("make an authority: ca.pem and ca-key.pem")
    .option("--out <directory>", "where to write", ".")
    .option("--days <count>", "how long it holds", days, 365)
    .option("--json", "print JSON, for programs")
    .action(makeAuthority);
  cert
    .command("node")
    .description("make the certificate of a node, signed by the authority: node-<id>.pem and node-<id>-key.pem")
    .requiredOption("--id <number>", "id of the node, which the certificate is bound to", nodeNumber)
    .option("--cluster <name>", "name of the cluster, which it is bound to as well (SYNOD_CLUSTER)")
    .option("--host <name>", "name or address under which it is reached; may be repeated", collect, [])
    .option("--out <directory>", "where the authority is, and where to write", ".")
    .option("--days <count>", "how long it holds", days, 90)
    .option("--json", "print JSON, for programs")
    .action((flags: CertFlags & { readonly id: number; readonly cluster?: string }) => {
      const cluster = flags.cluster ?? process.env["SYNOD_CLUSTER"] ?? "";
      if (cluster === "") throw new CliError("usage", "cluster is missing: give --cluster or SYNOD_CLUSTER");
      return makeSigned(flags, `node-${flags.id}`, [
        ...flags.host.map(nameOf),
        { type: "url", value: nodeUri(cluster, flags.id) },
      ]);
    });
  cert
    .command("client <name>")
    .description("make the certificate of a client, signed by the authority: <name>.pem and <name>-key.pem")
    .option("--out <directory>", "where the authority is, and where to write", ".")
    .option("--days <count>", "how long it holds", days, 90)
    .option("--json", "print JSON, for programs")
    .action((name: string, flags: Omit<CertFlags, "host">) => {
      if (!/^[\w.-]+$/.test(name)) throw new CliError("usage", "a client's name has letters, digits, dots and dashes");
      return makeSigned({ ...flags, host: [] }, name, []);
    });
}

const collect = (value: string, before: string[]): string[] => [...before, value];

/** Loaded when it is needed: no other command is to wait for it. */
async function loadX509(): Promise<X509> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(webcrypto);
  return x509;
}

async function makeAuthority(flags: CertFlags): Promise<void> {
  const x509 = await loadX509();
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: "CN=Synod test authority",
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + flags.days * DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  await save(flags, "ca", certificate, keys.privateKey);
}

interface Name {
  readonly type: "dns" | "ip" | "url";
  readonly value: string;
}

const nameOf = (value: string): Name => ({ type: isIP(value) === 0 ? "dns" : "ip", value });

async function makeSigned(flags: CertFlags, name: string, more: readonly Name[]): Promise<void> {
  const x509 = await loadX509();
  const authority = await readAuthority(x509, flags.out);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: `CN=${name}`,
    issuer: authority.certificate.subject,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + flags.days * DAY_MS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: authority.key,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([nameOf(name), ...more]),
      await x509.AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
    ],
  });
  await save(flags, name, certificate, keys.privateKey);
}

/** Random and positive: the first bit stays 0. */
function serial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}

async function readAuthority(x509: X509, directory: string): Promise<Authority> {
  const read = async (name: string): Promise<string> => {
    try {
      return await readFile(join(directory, name), "utf8");
    } catch (cause) {
      const text = `cannot read the authority: ${(cause as Error).message}. Make one with \`synod cert ca --out ${directory}\``;
      throw new CliError("usage", text, { cause });
    }
  };
  const certificate = new x509.X509Certificate(await read("ca.pem"));
  const pkcs8 = x509.PemConverter.decodeFirst(await read("ca-key.pem"));
  return { certificate, key: await webcrypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, false, ["sign"]) };
}

async function save(flags: CertFlags, name: string, made: X509Certificate, key: webcrypto.CryptoKey): Promise<void> {
  const x509 = await loadX509();
  const [certificate, keyFile] = [join(flags.out, `${name}.pem`), join(flags.out, `${name}-key.pem`)];
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", key);
  await mkdir(flags.out, { recursive: true });
  try {
    await writeFile(keyFile, `${x509.PemConverter.encode(pkcs8, "PRIVATE KEY")}\n`, { mode: 0o600, flag: "wx" });
    await writeFile(certificate, `${made.toString("pem")}\n`, { flag: "wx" }).catch(async (cause: unknown) => {
      // A key without its certificate would be taken for that of the one that is there.
      await rm(keyFile, { force: true });
      throw cause;
    });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    throw new CliError("no", `${(cause as NodeJS.ErrnoException).path} is there already: remove it first`, { cause });
  }
  const notAfter = made.notAfter.toISOString();
  makeOutput(flags).result(
    { certificate, key: keyFile, notAfter },
    () => `Wrote ${certificate} and ${keyFile}, until ${notAfter}.`,
  );
}
