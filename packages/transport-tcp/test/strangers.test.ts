import { describe, expect, it } from "vitest";
import { Notices } from "../src/notices.js";
import { Strangers } from "../src/strangers.js";

describe("strangers", () => {
  it("make room at the cost of the host that has most of them", () => {
    const strangers = new Strangers<string>();
    expect(strangers.add("one", "a")).toBeNull();
    for (let i = 0; i < 254; i++) expect(strangers.add(`flood ${i}`, "b")).toBeNull();
    expect(strangers.add("two", "c")).toBeNull();
    expect(strangers.add("three", "d")).toBe("flood 0");
    strangers.delete("flood 1", "b");
    strangers.delete("flood 1", "b");
    expect(strangers.size).toBe(255);
    expect(strangers.add("four", "b")).toBeNull();
    expect(strangers.add("five", "b")).toBe("flood 2");
    expect(strangers.size).toBe(256);
  });
});

it("from many hosts do not put out a peer that opens two connections at once", () => {
  const strangers = new Strangers<string>();
  for (let i = 0; i < 256; i++) expect(strangers.add(`stranger ${i}`, `host ${i}`)).toBeNull();
  expect(strangers.add("control", "peer")).toBe("stranger 0");
  expect(strangers.add("bulk", "peer")).toBe("stranger 1");
  for (let i = 2; i < 250; i++) expect(strangers.add(`late ${i}`, `late host ${i}`)).toBe(`stranger ${i}`);
});

describe("notices", () => {
  it("are given once, and room for others is made after an hour", () => {
    const told: string[] = [];
    const log = (text: string): void => void told.push(text);
    let nowMs = 0;
    const notices = new Notices({ debug: log, info: log, warn: log, error: log }, () => nowMs);
    for (let i = 0; i < 300; i++) notices.warn(`host ${i}`, `refused ${i}`, {});
    notices.warn("host 0", "refused 0", {});
    expect(told).toHaveLength(256);
    nowMs = 3_600_001;
    notices.warn("host 300", "late", {});
    expect(told.at(-1)).toBe("late");
  });

  it("of members always come, however many strangers there are; and of each subject some texts at most", () => {
    const told: string[] = [];
    const log = (text: string): void => void told.push(text);
    const notices = new Notices({ debug: log, info: log, warn: log, error: log }, () => 0);
    for (let i = 0; i < 300; i++) notices.warn(`host ${i}`, "refused", {});
    for (let id = 1; id <= 300; id++) notices.warn(id, "a member is refused", {});
    expect(told).toHaveLength(256 + 300);
    for (let i = 0; i < 100; i++) notices.warn(1, `text ${i}`, {});
    expect(told).toHaveLength(256 + 300 + 31);
    notices.forget("host 0");
    notices.warn("host 301", "there is room for one", {});
    notices.warn("host 302", "and not for two", {});
    expect(told.at(-1)).toBe("there is room for one");
  });
});
