import "reflect-metadata";
import { webcrypto } from "node:crypto";
import {
  type Extension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  BasicConstraintsExtension,
} from "@peculiar/x509";
import { type MutualTlsMaterial, nodeUri } from "../src/index.js";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const { subtle } = webcrypto;
type Keys = webcrypto.CryptoKeyPair;
const dayMs = 24 * 60 * 60 * 1_000;
let serial = 0;

const newKeys = (): Promise<Keys> => subtle.generateKey(algorithm, true, ["sign", "verify"]);

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await subtle.exportKey("pkcs8", key)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${der.replaceAll(/.{1,64}/g, "$&\n")}-----END PRIVATE KEY-----\n`;
}

/** An authority for tests, which signs what it is told. */
export class Authority {
  readonly pem: string;
  readonly #keys: Keys;
  readonly #name: string;

  private constructor(pem: string, keys: Keys, name: string) {
    this.pem = pem;
    this.#keys = keys;
    this.#name = name;
  }

  static async named(name: string): Promise<Authority> {
    const keys = await newKeys();
    const certificate = await X509CertificateGenerator.createSelfSigned(
      { ...validity(), name: `CN=${name}`, keys, extensions: [new BasicConstraintsExtension(true, 1, true)] },
      crypto,
    );
    return new Authority(certificate.toString("pem"), keys, `CN=${name}`);
  }

  /** With these URIs as alternative names. */
  async sign(uris: readonly string[], times: { notBefore?: Date; notAfter?: Date } = {}): Promise<MutualTlsMaterial> {
    const keys = await newKeys();
    const names: Extension[] =
      uris.length === 0 ? [] : [new SubjectAlternativeNameExtension(uris.map((value) => ({ type: "url", value })))];
    const certificate = await X509CertificateGenerator.create(
      {
        ...validity(),
        ...times,
        subject: "CN=test",
        issuer: this.#name,
        publicKey: keys.publicKey,
        signingKey: this.#keys.privateKey,
        extensions: names,
      },
      crypto,
    );
    return { key: await pemOf(keys.privateKey), cert: certificate.toString("pem"), ca: this.pem };
  }

  node(cluster: string, id: number): Promise<MutualTlsMaterial> {
    return this.sign([nodeUri(cluster, id)]);
  }
}

const validity = () => ({
  serialNumber: (++serial).toString(16).padStart(4, "0"),
  notBefore: new Date(Date.now() - dayMs),
  notAfter: new Date(Date.now() + dayMs),
  signingAlgorithm: algorithm,
});
