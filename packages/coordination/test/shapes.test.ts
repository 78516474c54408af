// Objects of one kind have one shape for V8: where the shape changes, all that reads them is thrown away and compiled anew.
import { setFlagsFromString } from "node:v8";
import { runInThisContext } from "node:vm";
import { expect, test } from "vitest";
import type { KeyRecord } from "../src/changes.js";
import { KeySpace } from "../src/key-space.js";
import { limitsOf } from "../src/limits.js";
import { StateHash } from "../src/state-hash.js";

setFlagsFromString("--allow-natives-syntax");
const sameShape = runInThisContext("(a, b) => %HaveSameMap(a, b)") as (a: object, b: object) => boolean;

const value = (): Uint8Array => new Uint8Array(100);

test("records keep it over snapshots, and have it in the history", () => {
  const keys = new KeySpace(limitsOf({}), new StateHash());
  let revision = 0;
  const put = (): KeyRecord => {
    keys.put("a", keys.get("a"), value(), null, ++revision);
    return keys.get("a") as KeyRecord;
  };
  const first = put();
  const found: KeyRecord[] = [];
  for (let i = 0; i < 8; i++) {
    const snapshot = keys.records.snapshot();
    const copy = put();
    expect(copy).not.toBe(found.at(-1));
    found.push(copy);
    snapshot.return();
    const history = keys.history.copy();
    found.push(history.before(history.end - 1) as KeyRecord);
    history.release();
  }
  // A small number that was read from an array of floats must not make a float of the field.
  for (const record of found) expect(sameShape(record, first)).toBe(true);
});
