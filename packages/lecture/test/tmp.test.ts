import { test } from "vitest";
import { LADDER } from "/tmp/ws/LECTURE/packages/lecture/src/protocols/index.ts";
import { search } from "/tmp/ws/LECTURE/packages/lecture/src/search.ts";
import { beginRun } from "/tmp/ws/LECTURE/packages/lecture/src/play.ts";
const m = (value: string, by: string, to?: string[]) => ({ value, by, ...(to ? { to } : {}) });
test("x", () => {
  for (const p of LADDER) {
    const b: any = { values: [m("m1", "C1"), m("m2", "C2")] };
    const n = p.servers;
    if (n === 2 && p.onSuspect) { b.crashes = 1; }
    if (n > 2) { b.suspicions = 1; b.suspects = ["S2"]; b.values = [m("m1", "C1", ["S1"]), m("m2", "C2", ["S2"])]; }
    if (n > 3) { b.suspects = ["S3"]; b.values = [m("m1", "C1", ["S1"]), m("m2", "C2", ["S3"])]; }
    const t = Date.now();
    const from = p.id === "all-to-all" || p.id === "commit" ? beginRun(p, 3) : undefined;
    if (from) { b.suspects = ["S2"]; b.values = [m("m1", "C1", ["S1"]), m("m2", "C2", ["S2"])]; }
    const r = search(p, { goal: "diverges", bounds: b, ...(from ? { from } : {}) }, 100000);
    console.log(p.id, r.verdict, r.states, r.depth, Date.now() - t, "ms");

  }
}, 300000);
