import { resend } from "./resend.js";

/** The same code among five: two crashes are to be survived, and a majority is three. */
export const fiveServers: typeof resend = {
  ...resend,
  id: "five-servers",
  title: "Five servers that execute too early",
  adds: "Five servers instead of three, and not a line changed: sender and receiver are no majority any more.",
  previous: "resend",
  source: "protocols/five-servers.ts",
  servers: 5,
};
