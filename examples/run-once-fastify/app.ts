import type { Coordination } from "@synod/coordination";
import Fastify, { type FastifyInstance } from "fastify";

/** Sends the invoices of a day; says who it is, so that a mail service can refuse one that is late. */
export type SendInvoices = (day: string, given: { fencingToken: number; signal: AbortSignal }) => Promise<number>;

/** Every instance of the app has this route, and a scheduler may call all of them: the job of a day runs once. */
export function createApp({ jobs }: Coordination, sendInvoices: SendInvoices): FastifyInstance {
  const app = Fastify();
  app.post<{ Params: { day: string } }>("/jobs/invoices/:day", async ({ params: { day } }) => {
    const result = await jobs.runOnce("invoices", day, (given) => sendInvoices(day, given));
    return result.ran ? { ran: true, sent: result.value } : { ran: false };
  });
  return app;
}
