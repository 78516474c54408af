import { messageCodec } from "@synod/codec-msgpack";
import { memoryStorage } from "@synod/storage-memory";
import { memoryNetwork } from "@synod/transport-memory";
import { expect, test } from "vitest";
import { createNode } from "../src/index.js";

const RESULT_BYTES = 1024 * 1024;
const bytes = { encode: (value: Uint8Array) => value, decode: (value: Uint8Array) => value };

/** Answers each command with a large result that begins with the command. */
class Large {
  apply(command: Uint8Array): { result: Uint8Array } {
    const result = new Uint8Array(RESULT_BYTES);
    result.set(command);
    return { result };
  }
  query(): null {
    return null;
  }
  snapshot(): Uint8Array[] {
    return [];
  }
  restore(): { write(): void; end(): void } {
    return { write() {}, end() {} };
  }
}

test("callers whose results together are more than a session keeps all get theirs", async () => {
  await using node = await createNode({
    id: 1,
    cluster: { id: "large", members: [{ id: 1 }] },
    stateMachine: new Large(),
    commandCodec: bytes,
    resultCodec: bytes,
    codec: messageCodec(),
    transport: memoryNetwork().transport(),
    storage: memoryStorage(),
    bootstrap: true,
  });
  // A session keeps 8 MiB of results: most of the first calls find no room, and others go on calling meanwhile.
  const loops = Array.from({ length: 20 }, async (_, loop) => {
    for (let call = 0; call < 4; call++) {
      const result = await node.propose(Uint8Array.of(loop, call));
      expect([result.length, result[0], result[1]]).toEqual([RESULT_BYTES, loop, call]);
    }
  });
  await Promise.all(loops);
});
