// What looks at a run must see what is wrong with it.
import { connect, createServer, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { History } from "../src/history.js";
import { LockJudge } from "../src/locks.js";
import { OPEN, Proxy } from "../src/proxy.js";

const grant = (token: number, askedMs: number, grantedMs: number) => ({ token, askedMs, grantedMs });

describe("the judge of locks", () => {
  it("is content with tokens that grow, and with an old one that is refused", () => {
    const judge = new LockJudge();
    judge.granted(grant(5, 0, 1));
    expect(judge.write(5, 2)).toBe(true);
    judge.granted(grant(9, 3, 10));
    expect(judge.write(9, 11)).toBe(true);
    // It looked while it held the lock, and stood still before it wrote.
    expect(judge.write(5, 8)).toBe(false);
    judge.close();
    expect([judge.faults, judge.admitted, judge.refused, judge.grants]).toEqual([[], 2, 1, 2]);
  });

  it("sees a holder that believed too long, a token granted twice or never, and tokens out of order", () => {
    const judge = new LockJudge();
    judge.granted(grant(5, 0, 1));
    judge.granted(grant(9, 2, 10));
    judge.granted(grant(9, 12, 13));
    judge.granted(grant(7, 20, 21));
    judge.write(5, 10.5);
    judge.write(6, 11);
    judge.close();
    expect(judge.faults).toEqual([
      "token 9 was granted twice",
      "token 9 was asked for after a greater one was granted",
      "token 7 was asked for after a greater one was granted",
      "token 5 believed to be held 0.5 ms after somebody else was let in",
      "token 6 was never granted",
    ]);
  });
});

describe("the history", () => {
  it("finds a lost write, a lost element and a number given twice", () => {
    const history = new History();
    history.registers.set("register", [
      { client: "a", call: 0, return: 1, input: { type: "write", value: 1 } },
      { client: "a", call: 2, return: 3, input: { type: "read" }, output: null },
    ]);
    history.lists.set("list", [
      { client: "a", call: 0, return: 1, input: { type: "append", element: 1 }, output: [1] },
      { client: "b", call: 2, return: 3, input: { type: "append", element: 2 }, output: [2] },
    ]);
    history.counters.set("counter", [
      { client: "a", call: 0, return: 1, input: { type: "incr" }, output: 1 },
      { client: "b", call: 0, return: 1, input: { type: "incr" }, output: 1 },
    ]);
    history.counters.set("fine", [{ client: "a", call: 0, return: null, input: { type: "incr" } }]);
    const { operations, faults } = history.check();
    expect(operations).toBe(7);
    expect(faults.map((text) => text.split(" ")[0])).toEqual(["register", "list", "counter"]);
  });
});

describe("a proxy", () => {
  it("forwards, holds back, delays no end, and refuses", async () => {
    let echoed = "";
    const echo = createServer((socket) => {
      socket.on("data", (data) => {
        echoed += String(data);
        socket.write(data);
      });
    });
    await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
    const portOf = (server: typeof echo): number => (server.address() as { port: number }).port;
    const proxy = await Proxy.listen({ port: 0, target: () => portOf(echo), peers: false });
    const { port } = proxy;
    const dial = (): Socket => connect({ port, host: "127.0.0.1" }).on("error", () => {});
    const answer = (socket: Socket): Promise<string> =>
      new Promise((resolve) => {
        socket.once("data", (data) => resolve(String(data)));
        socket.once("close", () => resolve("closed"));
        if (socket.closed) resolve("closed");
      });
    const first = dial();
    first.write("one");
    expect(await answer(first)).toBe("one");

    proxy.set(0, { kind: "hole", delayMs: 0 });
    first.write("two");
    const second = answer(first);
    const waiting = dial();
    await new Promise((resolve) => waiting.once("connect", resolve));
    // Around the proxy and back more often than the bytes have steps through it, all of them in this process.
    const around = connect({ port: portOf(echo), host: "127.0.0.1" });
    for (let trip = 0; trip < 8; trip++) {
      around.write(".");
      expect(await answer(around)).toBe(".");
    }
    around.destroy();
    expect(echoed).toBe("one........");
    proxy.set(0, OPEN);
    expect(await second).toBe("two");
    expect(await answer(waiting)).toBe("closed");

    proxy.set(0, { kind: "refuse", delayMs: 0 });
    expect(await answer(first)).toBe("closed");
    expect(await answer(dial())).toBe("closed");
    await expect.poll(() => proxy.connections, { timeout: 10_000 }).toBe(0);
    await proxy.close();
    await new Promise((resolve) => echo.close(resolve));
  });
});
