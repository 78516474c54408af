import { transportContract } from "../../../tests/contracts/transport.js";
import { memoryNetwork } from "../src/index.js";

transportContract("memoryNetwork", () => {
  const queueBytesMax = 1024 * 1024;
  const network = memoryNetwork({ queueBytesMax });
  return { transport: () => network.transport(), queueBytesMax, tooLongBytes: queueBytesMax };
});
