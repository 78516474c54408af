import { send } from "../shape.js";
import { basicPaxos } from "./basic-paxos.js";

/** Only S1 proposes; the others tell it their wishes. Who that is decides how fast it goes, never what is right. */
export const distinguishedProposer: typeof basicPaxos = {
  ...basicPaxos,
  id: "distinguished-proposer",
  title: "One distinguished proposer",
  adds: "Only one server proposes, and the others send it their wishes.",
  previous: "basic-paxos",
  source: "protocols/distinguished-proposer.ts",

  onMessage(s, m) {
    if (m.type !== "REQ") return basicPaxos.onMessage(s, m);
    if (s.me !== "S1") return [send("S1", { type: "REQ", value: m.value })];
    return s.wish === null ? basicPaxos.onMessage(s, m) : [];
  },
};
