import type { Notice } from "@synod/multipaxos";

/** Under which a notice is counted. */
export function noticeName(notice: Notice): string {
  switch (notice.kind) {
    case "ignored":
      return `ignored: ${notice.reason}`;
    case "impaired":
      return `impaired: ${notice.cause ?? "well again"}`;
    case "transferEnded":
      return notice.done ? "leadership transferred" : "transfer in vain";
    case "leadershipEnded":
      return / stands still|stood still/.test(notice.reason) ? `abdicated: ${notice.reason}` : notice.kind;
    default:
      return notice.kind;
  }
}
