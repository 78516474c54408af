import { describe, expect, it, vi } from "vitest";
import { parseOptions } from "../src/options.js";

const terminal = { directory: "/srv", terminal: true };

describe("options", () => {
  it("has defaults", () => {
    expect(parseOptions([], terminal)).toEqual({ nodes: 3, data: null, port: 0, tour: false, page: false });
  });

  it("plays the tour without a terminal", () => {
    expect(parseOptions([], { ...terminal, terminal: false })?.tour).toBe(true);
    expect(parseOptions(["--tour"], terminal)?.tour).toBe(true);
    expect(parseOptions(["--page"], { ...terminal, terminal: false })).toMatchObject({ tour: false, page: true });
  });

  it("resolves the directory from where the person stands", () => {
    expect(parseOptions(["--data", "x/y"], terminal)?.data).toBe("/srv/x/y");
    expect(parseOptions(["--data", "/x"], terminal)?.data).toBe("/x");
  });

  it.each([
    [["--nodes", "0"], /--nodes.*'0' is invalid.*from 1 to 9/],
    [["--nodes", "10"], /from 1 to 9/],
    [["--nodes", "3.5"], /from 1 to 9/],
    [["--nodes", "three"], /from 1 to 9/],
    [["--nodes"], /--nodes.*argument missing/],
    [["--port", "65536"], /from 0 to 65535/],
    [["--port", "-1"], /from 0 to 65535/],
    [["--data", ""], /--data needs/],
    [["--what"], /unknown option '--what'/],
    [["three"], /too many arguments/],
    [["--tour", "--page"], /--tour and --page exclude each other/],
    [["--tour", "--nodes", "2"], /the tour kills a leader, so it needs --nodes 3/],
  ])("refuses %j in one line", (argv, text) => {
    const error = expect.objectContaining({ message: expect.stringMatching(text), exitCode: 2 });
    expect(() => parseOptions(argv, terminal)).toThrow(error);
    try {
      parseOptions(argv, terminal);
    } catch (cause) {
      expect((cause as Error).message).not.toContain("\n");
    }
  });

  it("prints help and nothing else", () => {
    const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    try {
      expect(parseOptions(["--help"], terminal)).toBeNull();
      expect(write.mock.calls.join("")).toContain("--nodes");
    } finally {
      write.mockRestore();
    }
  });
});
