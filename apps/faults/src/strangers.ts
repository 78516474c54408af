import { connect, type Socket } from "node:net";
import { encodeFrame, encodeHello, requestKinds } from "@synod/client/protocol";
import type { Seeded } from "./random.js";

const FLOOD_BYTES = 1024 * 1024;

const foreign = (): Buffer => {
  const hello = encodeHello({ cluster: "another", token: "guessed", name: "stranger", frameBytesMax: 1 << 20 });
  return Buffer.concat(encodeFrame(requestKinds.hello, hello));
};

/** What strangers say at ports that are not theirs; some say nothing, some never end. */
const SPEECHES: readonly ((random: Seeded) => Uint8Array)[] = [
  () => new Uint8Array(0),
  () => foreign(),
  // Cut off in the middle.
  (random) => foreign().subarray(0, 1 + random.below(20)),
  // A frame as long as a length can say.
  () => Buffer.from("ffffffff01000000003a2f3f5b", "hex"),
  (random) => Uint8Array.from({ length: 1 + random.below(300) }, () => random.below(256)),
  () => Buffer.from("GET /livez HTTP/1.1\r\nhost: a\r\nx-never-ends: "),
  () => new Uint8Array(FLOOD_BYTES),
  // The hello of a replica, with a boot and ids that nobody has.
  () => Buffer.concat(encodeFrame(1, Buffer.from(`53594e440001${"00".repeat(41)}00`, "hex"))),
];

/** So many of them at once. @returns what ends those that were not sent away */
export function strangers(ports: readonly number[], count: number, random: Seeded): () => void {
  const sockets = new Set<Socket>();
  for (let i = 0; i < count; i++) {
    const socket = connect({ port: random.pick(ports), host: "127.0.0.1" });
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
    const speech = random.pick(SPEECHES)(random);
    if (speech.length > 0) socket.write(speech);
    // Some read what they are answered, others let it pile up.
    if (random.chance(0.5)) socket.resume();
  }
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}
