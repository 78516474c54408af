import { expect, it } from "vitest";
import { checkCall, checkNames, optionNames, nearestName } from "../src/index.js";

const check = (given: unknown): void =>
  checkNames((name) => `brew has no option ${name}`, given, ["tea", "sugar"], ["limits.minutesMax", "limits.tea"]);

it("a name that is none is refused, with the one that was meant, or all there are", () => {
  const refused = (given: object): unknown => {
    try {
      check(given);
    } catch (error) {
      return error;
    }
    return "it was taken";
  };
  const invalid = (message: string): unknown => expect.objectContaining({ code: "InvalidArgument", message });
  expect(refused({ tea: 1, sugr: 2 })).toEqual(invalid("brew has no option sugr: did you mean sugar?"));
  expect(refused({ TEA: 1 })).toEqual(invalid("brew has no option TEA: did you mean tea?"));
  expect(refused({ minutesMax: 1 })).toEqual(invalid("brew has no option minutesMax: did you mean limits.minutesMax?"));
  expect(refused({ milk: undefined })).toEqual(invalid("brew has no option milk: it takes tea, sugar"));
  expect(refused({ "limits.tea": 1 })).toEqual(invalid("brew has no option limits.tea: it takes tea, sugar"));
});

it("known names pass, and what is no object is not looked at", () => {
  for (const given of [{}, { sugar: undefined }, { tea: 1, sugar: 2 }, undefined, null, "tee", () => 1]) check(given);
  expect(optionNames({ tea: true, sugar: true }, "cup.")).toEqual(["cup.tea", "cup.sugar"]);
  expect(nearestName("tae", optionNames({ tea: true }))).toBe("tea");
  expect(nearestName("zzzz", ["tea"])).toBeUndefined();
});

it("the options of a call are an object of its own names", () => {
  const call = (given: unknown) => (): void => checkCall("brew", given, ["minutes", "signal"]);
  for (const given of [{}, { minutes: 3 }, { minutes: undefined, signal: null }]) expect(call(given)).not.toThrow();
  expect(call({ minute: 3 })).toThrow("brew has no option minute: did you mean minutes?");
  for (const given of [3, null, "3"])
    expect(call(given)).toThrow(`the options of brew are an object, as in { minutes: ... }, not ${String(given)}`);
});
