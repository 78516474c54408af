// What every protocol over sockets needs, so that framing, TLS and reconnecting exist once: this package's own between
// replicas, and that of @synod/client and @synod/server.
export * from "./address.js";
export * from "./backoff.js";
export * from "./frame-input.js";
export * from "./frame-output.js";
export * from "./frames.js";
export * from "./listen.js";
export * from "./notices.js";
export * from "./ports.js";
export * from "./strangers.js";
export * from "./tls.js";
