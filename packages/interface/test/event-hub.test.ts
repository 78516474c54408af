import { describe, expect, it, vi } from "vitest";
import { EventHub } from "../src/index.js";

describe("subscribers of events", () => {
  it("that never read, or stop before they began, are forgotten", async () => {
    const hub = new EventHub<number>();
    const left = new AbortController();
    hub.subscribe(left.signal);
    const early = hub.subscribe()[Symbol.asyncIterator]();
    await early.return?.();
    expect(hub.count).toBe(1);
    hub.close();
    expect(hub.count).toBe(0);
    hub.subscribe();
    expect(hub.count).toBe(0);
  });

  it("leave nothing at the caller's signal after the end", () => {
    const hub = new EventHub<number>();
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, "addEventListener");
    const removed = vi.spyOn(signal, "removeEventListener");
    hub.subscribe(signal);
    expect([added, removed].map(({ mock }) => mock.calls.length)).toEqual([1, 0]);
    hub.close();
    expect([added, removed].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
  });

  it("read what came before the end, then end", async () => {
    const hub = new EventHub<number>();
    const events = hub.subscribe();
    hub.emit(2);
    hub.close();
    const read: number[] = [];
    for await (const event of events) read.push(event);
    expect(read).toEqual([2]);
  });

  it("get events in order, whether they wait for them or not", async () => {
    const hub = new EventHub<number>();
    const reader = hub.subscribe()[Symbol.asyncIterator]();
    const waiting = [reader.next(), reader.next()];
    for (const event of [1, 2, 3]) hub.emit(event);
    const got = await Promise.all([...waiting, reader.next()]);
    expect(got.map(({ value }) => value)).toEqual([1, 2, 3]);
    const last = reader.next();
    hub.close();
    expect(await last).toEqual({ done: true, value: undefined });
  });

  it("that fall behind lose the oldest", async () => {
    const hub = new EventHub<number>();
    const events = hub.subscribe();
    for (let event = 0; event < 1_030; event++) hub.emit(event);
    hub.close();
    const read: number[] = [];
    for await (const event of events) read.push(event);
    expect([read.length, read[0], read.at(-1)]).toEqual([1_024, 6, 1_029]);
  });
});
