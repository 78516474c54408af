import { execute, type Protocol, type Request, type ServerState } from "../shape.js";

export const twoServers: Protocol<ServerState, Request> = {
  id: "two-servers",
  title: "Two servers without order",
  adds: "A second server, in case the first one fails: clients send everything to both.",
  previous: "single-server",
  source: "protocols/two-servers.ts",
  servers: 2,
  asks: "all",

  start: (me, servers) => ({ me, servers: [...servers], executed: [] }),

  onMessage(s, m) {
    return [execute(s, m.value)];
  },
};
