import { METRICS, SynodError } from "@synod/interface";
import { Counter, Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import { prometheusMetrics } from "../src/index.js";
import { LABEL_SETS_MAX } from "../src/label-sets.js";

/** The line of one series, without its value. */
const lines = (text: string, start: string): string[] => text.split("\n").filter((line) => line.startsWith(start));

describe("prometheusMetrics", () => {
  test("every number of Synod is there from the start, with help and type", async () => {
    const text = await prometheusMetrics().text();
    for (const [name, { kind }] of Object.entries(METRICS)) {
      const type = kind === "distribution" ? "histogram" : kind;
      expect(text).toContain(`# TYPE ${name} ${type}`);
      expect(lines(text, `# HELP ${name} `)).toHaveLength(1);
    }
  });

  test("what never happened is a 0, also where the numbers have labels of the user", async () => {
    for (const labels of [{}, { cluster: "shop", node: "1" }]) {
      const text = await prometheusMetrics({ labels }).text();
      for (const [name, { kind, labels: own = [] }] of Object.entries(METRICS)) {
        // Who or what these labels name is not known yet.
        const wanted = own.length > 0 ? 0 : 1;
        const series = kind === "distribution" ? `${name}_count` : name;
        const found = text.split("\n").filter((line) => /^(\w+)(?:\{[^}]*\})? 0$/.exec(line)?.[1] === series);
        expect(found, series).toHaveLength(wanted);
        const given = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
        for (const line of found)
          expect(
            given.every((label) => line.includes(label)),
            line,
          ).toBe(true);
      }
    }
  });

  test("another node of the registry leaves the numbers of the first as they are", async () => {
    const registry = new Registry();
    prometheusMetrics({ registry, labels: { node: "1" } }).count("synod_campaigns_total", 3);
    prometheusMetrics({ registry, labels: { node: "2" } });
    const text = await registry.metrics();
    expect(text).toContain('synod_campaigns_total{node="1"} 3\n');
    expect(text).toContain('synod_campaigns_total{node="2"} 0\n');
  });

  test("counts, sets and observes", async () => {
    const metrics = prometheusMetrics();
    metrics.count("synod_campaigns_total");
    metrics.count("synod_campaigns_total", 2);
    metrics.gauge("synod_peer_lag_slots", 7, { peer: "2" });
    metrics.gauge("synod_peer_lag_slots", 5, { peer: "2" });
    metrics.observe("synod_storage_write_ms", 3);
    const text = await metrics.text();
    expect(text).toContain("synod_campaigns_total 3\n");
    expect(text).toContain('synod_peer_lag_slots{peer="2"} 5\n');
    expect(text).toContain('synod_storage_write_ms_bucket{le="2.5"} 0\n');
    expect(text).toContain('synod_storage_write_ms_bucket{le="5"} 1\n');
    expect(text).toContain("synod_storage_write_ms_sum 3\n");
  });

  test("labels that are not described are left out, and missing ones are empty", async () => {
    const metrics = prometheusMetrics();
    metrics.count("synod_transport_dials_total", 1, { lane: "bulk", session: "17.3" });
    expect(await metrics.text()).toContain('synod_transport_dials_total{peer="",lane="bulk"} 1\n');
  });

  test("the number of label sets is bounded; what is beyond is counted together", async () => {
    const metrics = prometheusMetrics();
    for (let i = 0; i < LABEL_SETS_MAX + 10; i++) {
      metrics.count("synod_messages_ignored_total", 1, { reason: `r${i}` });
    }
    metrics.count("synod_messages_ignored_total", 1, { reason: "r0" });
    const text = await metrics.text();
    expect(lines(text, "synod_messages_ignored_total{")).toHaveLength(LABEL_SETS_MAX + 1);
    expect(text).toContain('synod_messages_ignored_total{reason="other"} 10\n');
    expect(text).toContain('synod_messages_ignored_total{reason="r0"} 2\n');
  });

  test("several nodes share a registry with a label of their own, and the user's numbers", async () => {
    const registry = new Registry();
    new Counter({ name: "mine_total", help: "Mine", registers: [registry] }).inc();
    const [one, two] = ["1", "2"].map((node) => prometheusMetrics({ registry, labels: { node } }));
    one?.count("synod_campaigns_total", 3);
    two?.count("synod_campaigns_total", 4);
    const text = (await one?.text()) ?? "";
    expect(text).toContain('synod_campaigns_total{node="1"} 3\n');
    expect(text).toContain('synod_campaigns_total{node="2"} 4\n');
    expect(text).toContain("mine_total 1\n");
    expect(() => prometheusMetrics({ registry, labels: { host: "a" } })).toThrow(SynodError);
    expect(() => prometheusMetrics({ labels: { "a-b": "c" } })).toThrow(SynodError);
  });

  test("forgets what has a label, of its own node, and makes room for others", async () => {
    const registry = new Registry();
    const [one, two] = ["1", "2"].map((node) => prometheusMetrics({ registry, labels: { node } }));
    for (const metrics of [one, two]) {
      for (const peer of ["2", "3"]) {
        metrics?.gauge("synod_peer_lag_slots", 7, { peer });
        metrics?.count("synod_transport_dials_total", 1, { peer, lane: "bulk" });
        metrics?.observe("mine_ms", 1, { peer });
      }
    }
    one?.forget?.({ peer: "3" });
    const text = (await one?.text()) ?? "";
    const left = (node: string): number =>
      text.split("\n").filter((line) => line.includes(`node="${node}",peer="3"`)).length;
    expect(left("1")).toBe(0);
    expect(left("2")).toBeGreaterThan(2);
    expect(text).toContain('synod_peer_lag_slots{node="1",peer="2"} 7\n');
    // It may come back, and those that went take nobody's place.
    for (let id = 1; id <= LABEL_SETS_MAX + 10; id++) {
      two?.gauge("synod_peer_heard", 1, { peer: String(id) });
      two?.forget?.({ peer: String(id) });
    }
    two?.gauge("synod_peer_heard", 1, { peer: "9" });
    expect(lines((await two?.text()) ?? "", "synod_peer_heard{")).toEqual(['synod_peer_heard{node="2",peer="9"} 1']);
  });

  test("numbers of other adapters are taken, in the way in which they came first", async () => {
    const metrics = prometheusMetrics();
    metrics.count("my_transport_hops_total", 2, { hop: "1" });
    metrics.gauge("my_transport_hops_total", 9);
    metrics.gauge("no name", 1);
    metrics.count("synod_campaigns_total", -1);
    const text = await metrics.text();
    expect(text).toContain('my_transport_hops_total{hop="1"} 2\n');
    expect(text).not.toContain("my_transport_hops_total 9");
    expect(text).not.toContain("synod_campaigns_total -1");
  });
});
