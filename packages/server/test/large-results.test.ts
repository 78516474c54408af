import { connect } from "@synod/client";
import { messageCodec } from "@synod/codec-msgpack";
import { createNode } from "@synod/node";
import { memoryStorage } from "@synod/storage-memory";
import { memoryNetwork } from "@synod/transport-memory";
import { expect, test } from "vitest";
import { serve } from "../src/index.js";

const RESULT_BYTES = 512 * 1024;
const bytes = { encode: (value: Uint8Array) => value, decode: (value: Uint8Array) => value };

/** Answers each command with a large result that begins with the command. */
class Large {
  apply(command: Uint8Array): { result: Uint8Array } {
    const result = new Uint8Array(RESULT_BYTES);
    result.set(command);
    return { result };
  }
  query(): Uint8Array {
    return new Uint8Array();
  }
  snapshot(): Uint8Array[] {
    return [];
  }
  restore(): { write(): void; end(): void } {
    return { write() {}, end() {} };
  }
}

test("calls of a client whose results together are more than a session keeps all get theirs", async () => {
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
  await using server = await serve(node, {
    cluster: "large",
    listen: "127.0.0.1:0",
    queryCodec: bytes,
    answerCodec: bytes,
  });
  await using client = await connect({
    cluster: "large",
    servers: [server.address],
    commandCodec: bytes,
    resultCodec: bytes,
    queryCodec: bytes,
    answerCodec: bytes,
  });
  // A session keeps 8 MiB of results, 16 of these: most of the first calls find no room, and others go on calling meanwhile.
  const loops = Array.from({ length: 40 }, async (_, loop) => {
    for (let call = 0; call < 3; call++) {
      const result = await client.propose(Uint8Array.of(loop, call));
      expect([result.length, result[0], result[1]]).toEqual([RESULT_BYTES, loop, call]);
    }
  });
  await Promise.all(loops);
});
