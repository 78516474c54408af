// One replica of a measured cluster: `replica.js ID PEER_PORTS CLIENT_ADDRESS DIRECTORY` (ports with commas; "-": no clients).
import { setFlagsFromString } from "node:v8";
import { coordinationCodecs } from "@synod/coordination";
import { serve } from "@synod/server";
import { startReplica } from "./start-replica.js";

// As the daemon does: this process is a server and nothing else.
setFlagsFromString("--interrupt-budget=4000");

async function main([id = "", ports = "", listen = "", directory = ""]: readonly string[]): Promise<void> {
  const node = await startReplica({ id: Number(id), ports: ports.split(",").map(Number), directory });
  const { queryCodec, answerCodec } = coordinationCodecs();
  if (listen !== "-") await serve(node, { cluster: "bench", listen, queryCodec, answerCodec });
  process.on("SIGTERM", () => {
    node.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
