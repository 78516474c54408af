import { describe, expect, test } from "vitest";
import { cli } from "../src/cli.ts";

/** Runs the command line on files that are given as text. */
function run(files: Record<string, string>, names: readonly string[] = Object.keys(files)) {
  const lines: string[] = [];
  const code = cli(names, {
    read: (name) => {
      const text = files[name];
      if (text === undefined) throw new Error("cannot be read (ENOENT)");
      return text;
    },
    print: (line) => lines.push(line),
  });
  return { lines, code };
}

const lines = (text: string): string[] => run({ "some.cases": text }).lines;

describe("the report", () => {
  test("one line a case, then the count", () => {
    const text = `
# Acceptor, one slot

case ACC-01  # a comment
start promised=-
PREP 1.1 from 1 -> PROM 1.1 {}  # another

case FD-01
start alive=[1,2]
TIMEOUT -> SUSPECT 3, delay 100
`;
    expect(run({ "some.cases": text })).toEqual({
      lines: ["ok ACC-01", "ok FD-01", "2 passed, 0 failed, 0 skipped"],
      code: 0,
    });
  });

  test("a wrong expectation fails with what came instead", () => {
    const text = `
case MAC-01
start promised=2.2
ACC 2.2 s1 a -> ACK 2.2 s1
ACC 1.1 s1 b -> ACK 1.1 s1
STATE -> promised 2.2 votes {}
case MAC-02
start promised=2.2
PREP 3.1 from 1 -> PROM 3.1 {}
`;
    expect(run({ "some.cases": text })).toEqual({
      lines: ["FAIL MAC-01 step 2: expected ACK 1.1 s1, got REJ 2.2", "ok MAC-02", "1 passed, 1 failed, 0 skipped"],
      code: 1,
    });
  });

  test("where two packages must give the same answer, the one that does not is named", () => {
    const text = "case ACC-01\nstart promised=2.2\nPREP 3.1 from 1 -> -\n";
    expect(lines(text)[0]).toBe("FAIL ACC-01 step 1: expected -, got PROM 3.1 {} (@synod/paxos)");
  });

  test("several outputs must come in order", () => {
    const start = "case APL-01\nstart applied=0 votes={1:3.1=a, 2:3.1=b}\n";
    expect(lines(`${start}COMMIT 3.1 upto 2 -> APPLY s2 b, APPLY s1 a\n`)[0]).toBe(
      "FAIL APL-01 step 1: expected APPLY s2 b, APPLY s1 a, got APPLY s1 a, APPLY s2 b",
    );
    expect(lines(`${start}COMMIT 3.1 upto 2 -> APPLY s1 a\n`)[0]).toMatch(/^FAIL APL-01 step 1: /);
    expect(lines(`${start}COMMIT 3.1 upto 2 -> -\n`)[0]).toMatch(/^FAIL APL-01 step 1: expected -, /);
  });

  test("a fault that stops the node is FATAL, whatever the text", () => {
    const start = "case LRN-01\nstart n=3\nLRN n1 1.1 s1 v -> -\n";
    expect(lines(`${start}LRN n2 1.1 s1 w -> FATAL because\n`)[0]).toBe("ok LRN-01");
    expect(lines(`${start}LRN n2 1.1 s1 w -> -\n`)[0]).toMatch(/^FAIL LRN-01 step 2: expected -, got FATAL Agreement/);
    expect(lines(`${start}LRN n2 1.1 s1 v -> FATAL\n`)[0]).toBe("FAIL LRN-01 step 2: expected FATAL, got CHOSEN s1 v");
  });

  test.each([
    [
      "MAC-01\nstart promised=-\nFLY 1 -> -",
      'FAIL MAC-01 step 1: expected -, got an error: "FLY 1" is no input of an acceptor',
    ],
    ["XYZ-01\nstart empty\nFLY 1 -> -", "FAIL XYZ-01 start: no group of cases is called XYZ: "],
    ["MPR-01\nstart n=3 q1=1 q2=1\nSTART -> -", "FAIL MPR-01 start: Quorums refused: "],
    ["MPR-01\nstart ballot=3.1 phase=late\nSTART -> -", 'FAIL MPR-01 start: "late" is no phase: '],
    [
      "MPR-01\nstart promised=5.2 ballot=3.1\nTIMEOUT -> -",
      "FAIL MPR-01 start: nobody comes to propose in ballot 3.1 ",
    ],
    ["BLE-01\nstart n=3 replies=[2/1.2/h]\nROUND -> -", 'FAIL BLE-01 start: "2/1.2/h" is no reply: '],
    ["ACC-01\nstart votes={1=a}\nSTATE -> -", 'FAIL ACC-01 start: "1=a" is no vote: '],
  ])("a case that makes no sense fails alone: %s", (text, line) => {
    const report = run({ "some.cases": `case ${text}\ncase BAL-01\nstart empty\nVALID 1 -> yes\n` });
    expect(report.lines[0]).toContain(line);
    expect(report.lines.slice(1)).toEqual(["ok BAL-01", "1 passed, 1 failed, 0 skipped"]);
    expect(report.code).toBe(1);
  });

  test("an ID that is not known is told by its inputs", () => {
    expect(lines("case X-1\nstart n=3\nMAJORITY -> 2\n")[0]).toBe("ok X-1");
    expect(lines("case 7\nstart empty\nOPEN c -> ok\nVALUE -> 0\n")[0]).toBe("ok 7");
    expect(lines("case X-1\nstart empty\nHB_REQ n3 -> HB_REPLY to n3\n")[0]).toBe("ok X-1");
    expect(lines("case X-1\nstart ids=[1, 2]\nLEADER -> 2\n")[0]).toBe("ok X-1");
    expect(lines("case X-1\nstart mode=wait\nPEER_DOWN -> SINGLE\n")[0]).toBe("ok X-1");
  });
});

describe("the notation", () => {
  test("space, order in vote maps and the case of leading words do not matter", () => {
    const text = `
Case MAC-01
Start votes={ 3:2.2 = b,1:2.2=a }   promised=2.2
prep  3.1  from 1   ->   prom 3.1 {3:2.2=b,1:2.2=a}
state -> promised 3.1 votes { 1:2.2=a , 3:2.2=b }
`;
    expect(lines(text)[0]).toBe("ok MAC-01");
    expect(lines(text.replaceAll("\n", "\r\n"))[0]).toBe("ok MAC-01");
    // Values are what they are.
    expect(lines(text.replace("votes {", "votes {").replace("1:2.2=a ,", "1:2.2=A ,"))[0]).toMatch(
      /^FAIL MAC-01 step 2/,
    );
  });

  test("a # inside a word is no comment", () => {
    expect(lines("case SES-01\nstart empty\nOPEN c -> ok\nCMD c#1 add 5 -> 5 # five\n")[0]).toBe("ok SES-01");
  });

  const acceptor = "case ACC-01\nstart promised=-\n";
  test.each([
    ["PREP 1.1 from 1 -> PROM 1.1 {}", 1, '"case ID" must come first, not "PREP 1.1 from 1 -> PROM 1.1 {}"'],
    [`${acceptor}PREP 1.1 from 1`, 3, 'a step is "input -> output, output", not "PREP 1.1 from 1"'],
    [`${acceptor}PREP 1.1 from 1 ->`, 3, 'a step is "input -> output, output", not "PREP 1.1 from 1 ->"'],
    [`${acceptor}\n\nPREP 1.1 from 1 -> PROM 1.1 {`, 5, '"}" is missing in "PROM 1.1 {"'],
    [`${acceptor}PREP 1.1 from 1 -> PROM 1.1 {]`, 3, '"]" closes nothing in "PROM 1.1 {]"'],
    [`${acceptor}PREP 1.1 from 1 -> PROM 1.1 {},`, 3, 'an output is empty in "PROM 1.1 {},"'],
    ["case ACC-01\nPREP 1.1 from 1 -> -", 2, 'case ACC-01 needs its "start ..." line before its steps'],
    ["case ACC-01\nstart\n", 1, "case ACC-01 has no steps"],
    ["case ACC-01\n\ncase ACC-02", 1, 'case ACC-01 has no "start ..." line'],
    ["case\nstart", 1, 'a case has one ID: "case ACC-01", not "case "'],
    ["case A 1", 1, 'a case has one ID: "case ACC-01", not "case A 1"'],
    [`${acceptor}STATE -> -\n${acceptor}`, 4, "case ACC-01 is already in line 1"],
    [`${acceptor}start promised=-`, 3, "case ACC-01 has a second start line"],
    ["case ACC-01\nstart promised", 2, 'the start state is key=value or "empty", not "promised"'],
    ["case ACC-01\nstart colour=red", 2, '"colour" is no key of a start state: promised votes '],
    ["case ACC-01\nstart prom=1.1", 2, '"prom" is no key of a start state: promised votes '],
    ["case ACC-01\nstart me=1 me=2", 2, '"me" is given twice'],
  ])("says where it is not followed: %j", (text, line, message) => {
    const report = run({ "bad.cases": text, "good.cases": "case BAL-01\nstart empty\nVALID 1 -> yes\n" });
    expect(report.lines[0]).toContain(`FAIL bad.cases:${line}: ${message}`);
    expect(report.lines.slice(1)).toEqual(["ok BAL-01", "1 passed, 1 failed, 0 skipped"]);
    expect(report.code).toBe(1);
  });
});

test("a file that cannot be read is one failure", () => {
  expect(run({}, ["nowhere.cases"])).toEqual({
    lines: ["FAIL nowhere.cases: cannot be read (ENOENT)", "0 passed, 1 failed, 0 skipped"],
    code: 1,
  });
});

test("without files there is nothing to do", () => {
  expect(run({})).toEqual({ lines: ["usage: npm run cases -- FILE..."], code: 1 });
});
