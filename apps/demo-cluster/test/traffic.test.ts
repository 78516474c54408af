import { describe, expect, it } from "vitest";
import { StateCheck } from "../src/state-check.js";
import { TrafficRates } from "../src/traffic.js";

const none = { phase1: 0, phase2: 0, learn: 0, calls: 0, beats: 0 };

describe("the rates of messages", () => {
  it("are a second's, by what they are for, in the last interval", () => {
    const rates = new TrafficRates(0);
    rates.add(1, 2, { ...none, phase2: 50 });
    rates.add(2, 1, { ...none, phase2: 50, beats: 5 });
    expect(rates.sample(500)).toEqual({ ...none, phase2: 200, beats: 10 });
    expect(rates.sample(1000)).toEqual(none);
  });

  it("are those of about a second for each link and direction", () => {
    const rates = new TrafficRates(0);
    for (let tick = 1; tick <= 6; tick++) {
      rates.add(1, 2, { ...none, phase2: tick * 10 });
      rates.sample(tick * 250);
    }
    expect(rates.links).toEqual([[1, 2, 180]]);
  });
});

describe("the comparison of states", () => {
  it("counts slots at which two replicas were seen, whenever", () => {
    const check = new StateCheck();
    check.see(1, 10, "a", 1);
    check.see(1, 10, "a", 2);
    expect(check.view).toEqual({ compared: 0, atMs: null, slot: 0, differs: null });
    check.see(1, 20, "b", 3);
    check.see(2, 10, "a", 4);
    check.see(2, 20, "b", 5);
    expect(check.view).toEqual({ compared: 2, atMs: 5, slot: 20, differs: null });
  });

  it("never forgets a difference", () => {
    const check = new StateCheck();
    check.see(1, 10, "a", 1);
    check.see(3, 10, "x", 2);
    check.see(1, 11, "c", 3);
    check.see(2, 11, "c", 4);
    expect(check.view).toMatchObject({ compared: 2, slot: 11, differs: { slot: 10, replicas: [1, 3] } });
  });

  it("says nothing of replicas that have executed nothing", () => {
    const check = new StateCheck();
    check.see(1, 0, "0", 1);
    check.see(2, 0, "0", 2);
    expect(check.view.compared).toBe(0);
  });
});
