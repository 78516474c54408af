import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { fileStorage } from "../src/index.js";
import { ForgetfulDisk } from "./forgetful-disk.js";

/** Rewrite with SYNOD_UPDATE_GOLDEN=1, and only together with a new format version. */
const UPDATE = process.env["SYNOD_UPDATE_GOLDEN"] === "1";
const folder = new URL("golden/", import.meta.url);

function golden(name: string, content: string): void {
  const file = new URL(name, folder);
  if (UPDATE) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, content);
  }
  expect(existsSync(file), `${name} is missing`).toBe(true);
  expect(content).toBe(readFileSync(file, "utf8"));
}

function hex(bytes: Uint8Array): string {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  const text = Buffer.from(bytes.subarray(0, end)).toString("hex");
  return `${(text.match(/.{1,64}/g) ?? []).join("\n")}\n`;
}

it("keeps the formats of identity, log and snapshot", async () => {
  const disk = new ForgetfulDisk();
  let next = 0x01020304;
  const storage = fileStorage({
    directory: "/disk/store",
    fileSystem: disk.fileSystem(),
    random: { uint32: () => next++ },
    segmentBytes: 1024,
  });
  const members = [{ id: 1, address: "127.0.0.1:7001" }, { id: 2 }];
  await storage.open({
    create: {
      clusterId: "golden",
      nodeId: 2,
      founders: { epoch: 1, members, alpha: 16, quorum: { kind: "majority" } },
    },
  });
  const ballot = { round: 7, node: 2 };
  await storage.write({ promised: ballot, votes: [], chosen: [] });
  await storage.write({
    promised: ballot,
    votes: [{ slot: 5, ballot, value: Uint8Array.of(3, 9, 9) }],
    chosen: [{ slot: 2 ** 40, value: Uint8Array.of(0) }],
    chosenUpTo: 4,
  });
  await storage.saveSnapshot(4, [Uint8Array.of(1, 2, 3), Uint8Array.of(4)]);
  await storage.close();
  expect(disk.files()).toEqual(
    ["identity", "snapshot-0000000000000004", "wal-0000000000000001.log"].map((name) => `/disk/store/${name}`),
  );
  golden("identity.txt", Buffer.from(disk.content("/disk/store/identity")).toString());
  golden("wal.hex", hex(disk.content("/disk/store/wal-0000000000000001.log")));
  golden("snapshot.hex", hex(disk.content("/disk/store/snapshot-0000000000000004")));
});

it("keeps the format of the longest lease, which every segment repeats", async () => {
  const disk = new ForgetfulDisk();
  let next = 0x01020304;
  const random = { uint32: () => next++ };
  const storage = (): ReturnType<typeof fileStorage> =>
    fileStorage({ directory: "/disk/store", fileSystem: disk.fileSystem(), random, segmentBytes: 1024 });
  const first = storage();
  const founders = { epoch: 1, members: [{ id: 2 }], alpha: 16, quorum: { kind: "majority" } } as const;
  await first.open({ create: { clusterId: "golden", nodeId: 2, founders } });
  await first.write({ votes: [], chosen: [], leaseMs: 505 });
  await first.close();
  golden("wal-lease.hex", hex(disk.content("/disk/store/wal-0000000000000001.log")));
  const second = storage();
  expect((await second.open()).leaseMs).toBe(505);
  await second.close();
  golden("wal-lease-restated.hex", hex(disk.content("/disk/store/wal-0000000000000002.log")));
});
