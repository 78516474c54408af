import { execute, type Protocol, type Request, type ServerState } from "../shape.js";

export const singleServer: Protocol<ServerState, Request> = {
  id: "single-server",
  title: "One server",
  adds: "A server executes commands one after the other, and every answer shows all of them so far.",
  previous: null,
  source: "protocols/single-server.ts",
  servers: 1,
  asks: "leader",

  start: (me, servers) => ({ me, servers: [...servers], executed: [] }),

  onMessage(s, m) {
    return [execute(s, m.value)];
  },
};
