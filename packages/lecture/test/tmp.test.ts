import { test } from "vitest";
import { synodMultipaxos } from "../src/protocols/synod-multipaxos.ts";
import { synodPaxos } from "../src/protocols/synod-paxos.ts";
import { search } from "../src/search.ts";
import { judge } from "../src/judge.ts";
import { beginRun, playScript } from "../src/play.ts";
test("x", () => {
  const show = (r: any) => { for (const row of r.rows) console.log("   ", row.row, row.text); };
  const a = playScript(beginRun(synodPaxos), ["S1 wants foo", "settle"]); show(a); console.log(judge(a));
  let t = Date.now();
  const b = playScript(beginRun(synodMultipaxos), ["S1 suspects S2", "settle", "C1 asks m1 of S1", "settle", "C2 asks m2 of S1", "settle", "S2 suspects S1", "settle", "C1 asks m3 of S2", "settle"]); show(b); console.log(judge(b), Date.now() - t);
  t = Date.now();
  for (const p of [synodPaxos]) { const r = search(p, {goal: "diverges", bounds: {values: [{value:"foo",by:"S1"},{value:"bar",by:"S2"}], withhold: ["LRN", "REJ"]}}); console.log(r.verdict, r.states, r.depth, Date.now() - t); }
  t = Date.now();
  for (const p of [synodMultipaxos]) { const r = search(p, {goal: "diverges", from: b2(), bounds: {values: [{value:"m1",by:"C1", to: ["S1"]},{value:"m2",by:"C2", to: ["S2"]}], suspicions: 2, suspects: ["S2"], withhold: ["COM", "REJ"], steps: 7 }}, 2000); console.log(r.verdict, r.states, r.depth, Date.now() - t); }
}, 300000);
const b2 = () => playScript(beginRun(synodMultipaxos), ["S1 suspects S2", "settle"]);
