import fc from "fast-check";
import { expect, test } from "vitest";
import { type CoordinationMachine, coordinationMachine, type KeyEvent, type KeySelector } from "../src/index.js";
import { Model, selects } from "./model.js";
import { commands } from "./samples.js";

const SELECTORS: readonly KeySelector[] = [
  { prefix: "" },
  { prefix: "a/" },
  { key: "a" },
  { from: "a/2", to: "b/é" },
  { prefix: "", after: "a" },
];
const steps = fc.array(
  fc.tuple(fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(1500) }), commands),
  {
    minLength: 1,
    maxLength: 60,
  },
);

function compare(machine: CoordinationMachine, model: Model): void {
  for (const keys of SELECTORS) {
    for (let revision = 0; revision <= model.revision; revision += 1 + Math.floor(model.revision / 6)) {
      const expected = model.at(revision).filter(({ key }) => selects(keys, key));
      const query = { kind: "range", keys, limit: 100, revision, reverse: false, keysOnly: false } as const;
      expect(machine.query(query)).toEqual({ kind: "range", entries: expected, more: false, revision });
      expect(machine.query({ ...query, reverse: true, limit: 2 })).toMatchObject({
        entries: [...expected].reverse().slice(0, 2),
        more: expected.length > 2,
      });
    }
    const count = model.keys.filter(({ key }) => selects(keys, key)).length;
    expect(machine.query({ kind: "count", keys })).toMatchObject({ count });
    expect(told(machine, keys)).toEqual(model.events.filter(({ key }) => selects(keys, key)));
  }
  for (const name of ["lock/x", "lock/y", "barrier/z"]) {
    expect(machine.query({ kind: "lock", name, seen: -1, after: 0 })).toMatchObject({
      holders: model.holders(name).map(({ id, token, value }) => ({ id, fencingToken: token, value })),
      waiting: model.waiting(name).length,
    });
  }
  for (const id of ["l1", "l2", "l3", "l4", "l5"]) {
    const lease = model.leases.get(id);
    const expected = model.alive(id) ? { leftMs: (lease?.expiresMs ?? 0) - model.timeMs } : { kind: "none" };
    expect(machine.query({ kind: "lease", id })).toMatchObject(expected);
  }
  for (const name of ["n1", "n2"]) {
    expect(machine.query({ kind: "counter", name })).toMatchObject({ value: model.counters.get(name)?.value ?? 0 });
  }
}

/** What a watch from the start tells. */
function told(machine: CoordinationMachine, keys: KeySelector): KeyEvent[] {
  const events: KeyEvent[] = [];
  for (let next = machine.watch?.({ kind: "events", keys, from: 1 }) ?? null; next !== null; ) {
    if (next.answer.kind !== "events") throw new Error("compacted");
    events.push(...next.answer.events);
    next = next.next === null ? null : (machine.watch?.(next.next) ?? null);
  }
  return events;
}

test("the machine does what the plain model does, through snapshots too", { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(steps, fc.nat(60), (log, restoreAt) => {
      let machine = coordinationMachine();
      const model = new Model();
      let timeMs = 0;
      for (const [slot, [passMs, command]] of log.entries()) {
        timeMs += passMs;
        const context = { slot: slot + 1, index: 0, timeMs, session: { slot: 1, index: 0 }, machineVersion: 1 };
        expect(machine.apply(command, context).result).toEqual(model.apply(command, timeMs));
        if (slot !== restoreAt) continue;
        const restored = coordinationMachine();
        const sink = restored.restore();
        for (const chunk of machine.snapshot()) sink.write(chunk);
        sink.end();
        expect(restored.digest?.()).toBe(machine.digest?.());
        machine = restored;
      }
      compare(machine, model);
    }),
    { numRuns: Number(process.env["SYNOD_RUNS"] ?? 300) },
  );
});
