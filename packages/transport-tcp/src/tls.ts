import { readFileSync, statSync } from "node:fs";
import { connect as dial, createServer, type Server, Socket } from "node:net";
import {
  connect as dialSecure,
  createServer as createSecureServer,
  type SecureContextOptions,
  type Server as SecureServer,
  TLSSocket,
} from "node:tls";
import { checkNames, type Logger, type NodeId, optionNames, SynodError } from "@synod/interface";
import type { Address } from "./address.js";
import type { EncodedFrame } from "./frames.js";
import { Strangers } from "./strangers.js";

/** Certificates and key, in PEM. */
export interface TlsMaterial {
  readonly key?: string | Uint8Array;
  readonly cert?: string | Uint8Array;
  /** Who signs the certificates of the other side; only these are trusted, never those of the operating system. */
  readonly ca?: string | Uint8Array;
}

/** Material, or where to get it: asked for every new connection, so that certificates are replaced without a restart. */
export type Tls<Material extends TlsMaterial = TlsMaterial> = Material | (() => Material);

/** Material of one side of a mutual connection. */
export interface MutualTlsMaterial extends TlsMaterial {
  readonly key: string | Uint8Array;
  readonly cert: string | Uint8Array;
  readonly ca: string | Uint8Array;
}

/** What the certificate of a node has among its subject alternative names, as a URI: whose it is. */
export const nodeUri = (cluster: string, id: NodeId): string => `${nodeUriPrefix(cluster)}${id}`;
const nodeUriPrefix = (cluster: string): string => `synod://${encodeURIComponent(cluster)}/node/`;

/** Reads the files again whenever one of them has changed; for as long as that fails, the material is what it was. */
export function tlsFiles(files: {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}): () => MutualTlsMaterial {
  const paths = [files.key, files.cert, files.ca];
  const stampOf = (): string => paths.map((path) => statSync(path).mtimeMs).join(" ");
  const read = (): MutualTlsMaterial => ({
    key: readFileSync(files.key),
    cert: readFileSync(files.cert),
    ca: readFileSync(files.ca),
  });
  let [stamp, material] = [stampOf(), read()];
  return () => {
    try {
      const now = stampOf();
      if (now !== stamp) [material, stamp] = [read(), now];
    } catch {
      // Being replaced just now: the next connection looks again.
    }
    return material;
  };
}

/** Whose a certificate says that it is; whether that is true says only its chain. */
export interface CertificateNames {
  /** Whether it is that of this node of this cluster. */
  isNode(cluster: string, id: NodeId): boolean;
  /** Whether it is that of any node of this cluster. */
  isAnyNode(cluster: string): boolean;
  /** Its subject alternative names, DNS names and URIs. */
  readonly names: readonly string[];
}

/** What the other side has proved: its names count where nothing is refused. */
export interface PeerProof extends CertificateNames {
  /** Why its certificate proves nothing; null: its chain is good. */
  readonly refused: string | null;
}

const proofs = new WeakMap<Socket, PeerProof>();

/** Null for a connection without TLS; after its handshake. */
export function proofOf(socket: Socket): PeerProof | null {
  if (!(socket instanceof TLSSocket)) return null;
  // Once for each: Node.js takes the certificate out of the chain that it reads, and does not find it a second time.
  const proof = proofs.get(socket) ?? proofFrom(socket);
  proofs.set(socket, proof);
  return proof;
}

function proofFrom(socket: TLSSocket): PeerProof {
  const certificate = socket.getPeerX509Certificate();
  // Typed as an Error; the code in the documentation.
  const reason: unknown = socket.authorizationError;
  const why = certificate === undefined ? "there is none" : reason instanceof Error ? reason.message : String(reason);
  return { refused: socket.authorized ? null : why, ...certificateNames(certificate?.subjectAltName) };
}

/** By `subjectAltName` of an `X509Certificate`; undefined: it has no names. */
export function certificateNames(subjectAltName: string | undefined): CertificateNames {
  const names = namesOf(subjectAltName ?? "");
  const uris = names.filter(({ kind }) => kind === "URI").map(({ value }) => value);
  return {
    isNode: (cluster, id) => uris.includes(nodeUri(cluster, id)),
    isAnyNode: (cluster) => uris.some((uri) => uri.startsWith(nodeUriPrefix(cluster))),
    names: names.map(({ value }) => value),
  };
}

/** Node.js puts names with separators into quotes, so that one name cannot pass for two. What does not fit this has no names. */
export function namesOf(subjectAltName: string): { readonly kind: "URI" | "DNS"; readonly value: string }[] {
  const names: { readonly kind: "URI" | "DNS"; readonly value: string }[] = [];
  const name = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?=, |$)/y;
  while (name.lastIndex < subjectAltName.length) {
    const match = name.exec(subjectAltName);
    if (match === null) return [];
    const [, kind, value = ""] = match;
    if ((kind === "URI" || kind === "DNS") && !value.startsWith('"')) names.push({ kind, value });
  }
  return names;
}

const MATERIAL: Readonly<Record<keyof TlsMaterial, true>> = { key: true, cert: true, ca: true };

/** `tls.key` and so on. */
export const tlsNames: readonly string[] = optionNames(MATERIAL, "tls.");

/**
 * Of the option: what a function gives is looked at when it is asked, by `materialOf`.
 * @throws SynodError `InvalidArgument` for what is no material, or has a name that is none: without `ca` nobody is asked for a certificate.
 */
export function checkTls(tls: unknown): void {
  if (tls !== undefined && typeof tls !== "function") checkMaterial(tls);
}

/** As it is now. @throws SynodError as `checkTls`, and what the function throws */
export function materialOf(tls: Tls): TlsMaterial {
  const material = typeof tls === "function" ? tls() : tls;
  checkMaterial(material);
  return material;
}

function checkMaterial(material: unknown): void {
  if (typeof material === "object" && material !== null && !(material instanceof Promise)) {
    return checkNames((name) => `tls has no option ${name}`, material, tlsNames);
  }
  const isNothing = material === null || material === undefined;
  const kind = isNothing ? String(material) : material instanceof Promise ? "a promise" : `a ${typeof material}`;
  const taken = "an object of key, cert and ca, or a function that returns one at once";
  throw new SynodError("InvalidArgument", `tls must be ${taken}, not ${kind}`);
}

function contextOf({ key, cert, ca }: TlsMaterial): SecureContextOptions {
  const part = (name: string, value: string | Uint8Array | undefined): object =>
    value === undefined ? {} : { [name]: typeof value === "string" ? value : Buffer.from(value) };
  return { ...part("key", key), ...part("cert", cert), ...part("ca", ca), minVersion: "TLSv1.3" };
}

/**
 * Connects; `onReady` is called once frames may be written. With TLS the certificate of the other side is not judged yet: by then
 * `proofOf` says what it proves.
 */
export function dialSocket({ host, port }: Address, tls: Tls | undefined, onReady: (socket: Socket) => void): Socket {
  if (tls === undefined) {
    const socket = dial({ host, port, noDelay: true });
    socket.once("connect", () => onReady(socket));
    return socket;
  }
  const socket = secureSocket({ host, port }, tls);
  socket.setNoDelay(true);
  socket.once("secureConnect", () => onReady(socket));
  return socket;
}

function secureSocket({ host, port }: Address, tls: Tls): Socket {
  try {
    return dialSecure({
      host,
      port,
      ...contextOf(materialOf(tls)),
      // Both are judged by `proofOf`, which can say why: names of hosts mean nothing here, those of nodes do.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
  } catch (cause) {
    // A key that cannot be read must not end the process: this attempt fails as others do.
    const socket = new Socket();
    process.nextTick(() => socket.destroy(new Error(`the own certificate or key cannot be used: ${String(cause)}`)));
    return socket;
  }
}

export interface AcceptorOptions {
  readonly tls: Tls | undefined;
  readonly handshakeTimeoutMs: number;
  readonly logger: Logger;
  /** A connection, through with TLS if there is any; `proofOf` says what the certificate of the other side proves. */
  readonly onSocket: (socket: Socket) => void;
  /** The frame that tells somebody without TLS that it is wanted. */
  readonly plainRefusal: EncodedFrame;
  /** A connection whose TLS failed. */
  readonly onTlsError: (remote: string, error: Error) => void;
}

function secureServer(material: TlsMaterial, handshakeTimeoutMs: number): SecureServer {
  try {
    return createSecureServer({
      ...contextOf(material),
      requestCert: material.ca !== undefined,
      // Judged by `proofOf`, so that who is refused can be told why.
      rejectUnauthorized: false,
      handshakeTimeout: handshakeTimeoutMs,
    });
  } catch (cause) {
    throw new SynodError("InvalidArgument", `The certificate or key of option tls cannot be used: ${String(cause)}.`, {
      cause,
    });
  }
}

/** What a client of TLS says first. */
const tlsHandshakeByte = 0x16;

export interface Acceptor {
  readonly server: Server;
  /** Drops the connections that are not given out yet. */
  readonly closeSockets: () => void;
}

/** A server that gives out connections, with or without TLS. */
export function acceptor(options: AcceptorOptions): Acceptor {
  const server = createServer();
  if (options.tls === undefined) {
    server.on("connection", options.onSocket);
    return { server, closeSockets: () => {} };
  }
  const handshakes = new Handshakes(options, options.tls);
  server.on("connection", (socket) => handshakes.begin(socket));
  return { server, closeSockets: () => handshakes.close() };
}

/** Connections on their way through TLS. */
class Handshakes {
  readonly #options: AcceptorOptions;
  readonly #tls: Tls;
  readonly #secure: SecureServer;
  /** By the other side's address: the secure socket does not tell which one it stands on. */
  readonly #raw = new Map<string, Socket>();
  /** Of these, those that have not begun with it or are not through. */
  readonly #strangers = new Strangers<Socket>();
  #material: TlsMaterial;

  constructor(options: AcceptorOptions, tls: Tls) {
    this.#options = options;
    this.#tls = tls;
    this.#material = materialOf(tls);
    this.#secure = secureServer(this.#material, options.handshakeTimeoutMs);
    this.#secure.on("secureConnection", (socket) => {
      this.#through(nameOf(socket));
      options.onSocket(socket);
    });
    this.#secure.on("tlsClientError", (error, socket) => {
      options.onTlsError(socket.remoteAddress ?? "unknown", error);
      // Node.js tells of a handshake that takes too long, and lets it go on.
      socket.destroy();
    });
  }

  begin(socket: Socket): void {
    const name = nameOf(socket);
    const ignore = (): void => {};
    socket.on("error", ignore);
    socket.once("close", () => this.#through(name, socket));
    this.#strangers.add(socket, hostOf(socket))?.destroy();
    this.#raw.set(name, socket);
    socket.setTimeout(this.#options.handshakeTimeoutMs, () => socket.destroy());
    socket.once("data", (chunk) => {
      socket.setTimeout(0);
      socket.off("error", ignore);
      if (chunk[0] !== tlsHandshakeByte) return this.#refuse(socket);
      socket.pause();
      socket.unshift(chunk);
      this.#renew();
      this.#secure.emit("connection", socket);
      process.nextTick(() => socket.resume());
    });
  }

  /** @param gone - the socket itself, whose addresses are unknown once it is closed */
  #through(name: string, gone?: Socket): void {
    const socket = gone ?? this.#raw.get(name);
    if (socket !== undefined) this.#strangers.delete(socket, hosts.get(socket) ?? "");
    this.#raw.delete(name);
  }

  close(): void {
    for (const socket of this.#raw.values()) socket.destroy();
  }

  /** Who speaks without TLS is told so in its own words; nothing that it said is looked at. */
  #refuse(socket: Socket): void {
    this.#options.onTlsError(socket.remoteAddress ?? "unknown", new Error("the other side does not speak TLS"));
    socket.on("error", () => {});
    // Not the time-out of a socket, which begins anew with every byte.
    const late = setTimeout(() => socket.destroy(), this.#options.handshakeTimeoutMs);
    socket.once("close", () => clearTimeout(late));
    socket.end(Buffer.concat(this.#options.plainRefusal));
    socket.resume();
  }

  #renew(): void {
    try {
      const material = materialOf(this.#tls);
      if (material === this.#material) return;
      // Also where it cannot be used: whoever connects cannot have it tried, and told of, again and again.
      this.#material = material;
      this.#secure.setSecureContext(contextOf(material));
    } catch (error) {
      this.#options.logger.error("the new certificate cannot be used; the one before stays", { error });
    }
  }
}

/** As it was when it came: a socket that is closed has forgotten it. */
const hosts = new WeakMap<Socket, string>();

function hostOf(socket: Socket): string {
  const host = socket.remoteAddress ?? "";
  hosts.set(socket, host);
  return host;
}

const nameOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
