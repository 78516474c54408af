// The protocol between @synod/client and @synod/server, and what both need of sockets.
export * from "@synod/transport-tcp/framing";
export * from "./protocol/admin.js";
export * from "./protocol/admin-results.js";
export * from "./protocol/codecs.js";
export * from "./protocol/deadlines.js";
export * from "./protocol/handshake.js";
export * from "./protocol/kinds.js";
export * from "./protocol/replies.js";
export * from "./protocol/requests.js";
