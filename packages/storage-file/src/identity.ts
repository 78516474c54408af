import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type FileSystem, type NodeId, type Slot, type StoreIdentity, SynodError } from "@synod/interface";
import { asBuffer, FORMAT_VERSION } from "./bytes.js";
import { damaged, versionUnsupported } from "./errors.js";
import { IDENTITY, TEMPORARY } from "./names.js";

/** What the identity file holds. Its version speaks for the whole directory. */
export interface StoredIdentity extends StoreIdentity {
  /** The log begins at this segment; files of lower ones are left-overs of a `drop`. */
  readonly firstSegment: number;
  /** What that `drop` forgot: the snapshot must reach this slot. */
  readonly droppedUpTo: Slot;
}

const FIRST_LINE = /^synod-store ([^ \n]*) /;
const IDENTITY_BYTES_MAX = 2 ** 24;

/** `synod-store <version> <checksum>`, then one line of JSON that the checksum covers. */
function encodeIdentity(identity: StoredIdentity): Buffer {
  const { clusterId, nodeId, storeId, founders, bootCount, bootId, firstSegment, droppedUpTo } = identity;
  const json = JSON.stringify({ clusterId, nodeId, storeId, bootCount, bootId, firstSegment, droppedUpTo, founders });
  return Buffer.from(`synod-store ${FORMAT_VERSION} ${checksumOf(json)}\n${json}\n`);
}

function checksumOf(json: string): string {
  return crc32(json).toString(16).padStart(8, "0");
}

function decodeIdentity(bytes: Buffer, file: string): StoredIdentity {
  const text = bytes.toString("utf8");
  const version = FIRST_LINE.exec(text)?.[1];
  if (version === undefined) throw damaged(file, 0, "it is no identity file of a Synod store");
  if (version !== String(FORMAT_VERSION)) throw versionUnsupported(file, version);
  const [first, json, rest] = text.split("\n");
  if (json === undefined || rest !== "" || first !== `synod-store ${version} ${checksumOf(json)}`) {
    throw damaged(file, 0, "its checksum is wrong");
  }
  return JSON.parse(json) as StoredIdentity;
}

export async function readIdentity(fileSystem: FileSystem, directory: string): Promise<StoredIdentity> {
  const file = join(directory, IDENTITY);
  const handle = await fileSystem.open(file, "read");
  try {
    const bytes = await handle.size();
    if (bytes > IDENTITY_BYTES_MAX) throw damaged(file, 0, `it has ${bytes} bytes`);
    return decodeIdentity(asBuffer(await handle.read(0, bytes)), file);
  } finally {
    await handle.close();
  }
}

/** Replaces the identity file: after a crash there is the old one or the new one. */
export async function writeIdentity(
  fileSystem: FileSystem,
  directory: string,
  identity: StoredIdentity,
): Promise<void> {
  const temporary = join(directory, TEMPORARY.identity);
  const handle = await fileSystem.open(temporary, "create");
  try {
    await handle.write([encodeIdentity(identity)], 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await fileSystem.rename(temporary, join(directory, IDENTITY));
  await fileSystem.syncDirectory(directory);
}

/** @throws SynodError `StoreForeign` */
export function checkOwner(
  identity: Pick<StoreIdentity, "clusterId" | "nodeId">,
  expect: { readonly clusterId?: string; readonly nodeId?: NodeId },
  directory: string,
): void {
  const { clusterId = identity.clusterId, nodeId = identity.nodeId } = expect;
  if (identity.clusterId === clusterId && identity.nodeId === nodeId) return;
  throw new SynodError(
    "StoreForeign",
    `The store in ${directory} belongs to node ${identity.nodeId} of cluster "${identity.clusterId}", not to node ` +
      `${nodeId} of cluster "${clusterId}". Point each node at its own directory. If this one's disk is lost, remove its ` +
      "id from the configuration and add a new one.",
    {
      details: {
        directory,
        found: { clusterId: identity.clusterId, nodeId: identity.nodeId },
        expected: { clusterId, nodeId },
      },
    },
  );
}
