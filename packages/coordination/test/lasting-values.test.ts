import { expect, it } from "vitest";
import { coordinationCodecs } from "../src/index.js";

const { commandCodec } = coordinationCodecs();
const put = (bytes: number): Uint8Array => {
  const value = Uint8Array.from({ length: bytes }, (_, i) => i);
  return commandCodec.encode({ kind: "put", key: "k", value, lease: null, expected: null });
};
const valueOf = (command: ReturnType<typeof commandCodec.decode> | undefined): Uint8Array =>
  command?.kind === "put" ? command.value : new Uint8Array();

it("keeps a long value of a log where it is, and copies a short one, which would keep much more than itself", () => {
  for (const [bytes, isView] of [
    [64, false],
    [256, false],
    [257, true],
    [4_000, true],
  ] as const) {
    // As storage gives it: a Buffer, in the middle of a larger piece.
    const piece = Buffer.concat([new Uint8Array(40), put(bytes), new Uint8Array(40)]);
    const command = piece.subarray(40, -40);
    const [lasting, copied] = [valueOf(commandCodec.decodeLasting?.(command)), valueOf(commandCodec.decode(command))];
    expect(lasting).toEqual(copied);
    expect(Object.getPrototypeOf(lasting)).toBe(Uint8Array.prototype);
    expect([lasting.buffer === piece.buffer, copied.buffer === piece.buffer]).toEqual([isView, false]);
  }
});
