import type { Mark } from "@synod/lecture";
import type { FigureRow } from "./figure.js";
import { lastIndex } from "./lists.js";

/** One thing that stands beside the event of a row: a mark, or a few words. */
export interface Token {
  readonly kind:
    | "promised"
    | "accepted"
    | "learned"
    | "words"
    | "refused"
    | "sends"
    | "suspects"
    | "crashed"
    | "restarted"
    | "executed"
    | "leads";
  readonly text: string;
  /** Without its number, for lanes that are near each other. */
  readonly short?: string;
  /** Whose look it has. */
  readonly value?: string;
}

/** Words across all lanes, under the event: what concerns everybody. */
export interface Band {
  readonly kind: "chosen" | "world";
  readonly text: string;
  readonly value?: string;
}

export function tokensOf(row: FigureRow): Token[] {
  if (row.at === null) return [];
  const tokens: Token[] = [];
  if (row.ask !== null) tokens.push({ kind: "words", text: `asks ${row.ask.value}`, value: row.ask.value });
  if (row.note !== "") tokens.push({ kind: "words", text: row.note });
  // Of several commands executed at once the last one shows the others.
  const last = lastIndex(row.marks, (mark) => mark.mark === "executed");
  for (const [index, mark] of row.marks.entries()) {
    if (mark.mark !== "executed" || index === last) tokens.push(...tokenOf(mark));
  }
  tokens.push(...sendsOf(row));
  return tokens;
}

function tokenOf(mark: Mark): Token[] {
  switch (mark.mark) {
    case "promised":
      return [{ kind: "promised", text: `${mark.rnd}` }];
    case "accepted":
      return [
        {
          kind: "accepted",
          text: `${mark.rnd} ${mark.value}${mark.slot === 0 ? "" : ` #${mark.slot}`}`,
          short: `${mark.rnd} ${mark.value}`,
          value: mark.value,
        },
      ];
    case "learned":
      return [
        {
          kind: "learned",
          text: `${mark.value}${mark.slot === 0 ? "" : ` #${mark.slot}`}${mark.wrongly ? " ?" : ""}`,
          short: `${mark.value}${mark.wrongly ? " ?" : ""}`,
          value: mark.value,
        },
      ];
    case "executed":
      return [{ kind: "executed", text: mark.state.join(" "), value: mark.value }];
    case "answered":
      return mark.lost ? [{ kind: "words", text: `answer to ${mark.client} lost` }] : [];
    case "leads":
      return [{ kind: "leads", text: "leads" }];
    case "stopsLeading":
      return [{ kind: "words", text: "leads no more" }];
    case "suspects":
      return [{ kind: "suspects", text: `thinks ${mark.of} is down` }];
    case "refused":
      return [{ kind: "refused", text: mark.because }];
    case "notes":
      return mark.brief === "" ? [] : [{ kind: "words", text: mark.brief }];
    case "crashed":
      return [{ kind: "crashed", text: "crashes" }];
    case "stopped":
      return [{ kind: "crashed", text: "stops itself" }];
    case "restarted":
      return [{ kind: "restarted", text: `back, disk ${mark.disk}` }];
    case "chosen":
    case "cut":
    case "healed":
      return [];
  }
}

/** One broadcast, one label. */
function sendsOf({ sends }: FigureRow): Token[] {
  const labels = [...new Set(sends.filter((send) => !send.lost || send.id > 0).map((send) => send.label))];
  return labels.map((label) => ({ kind: "sends", text: `→ ${label}` }));
}

export function bandsOf(row: FigureRow): Band[] {
  const bands = row.marks.flatMap((mark): Band[] => {
    if (mark.mark === "chosen") {
      const slot = mark.slot === 0 ? "" : ` for #${mark.slot}`;
      const again = mark.before === null ? "" : " again";
      return [
        { kind: "chosen", text: `${mark.value} is chosen${slot}${again}, in round ${mark.rnd}`, value: mark.value },
      ];
    }
    if (mark.mark === "cut")
      return [{ kind: "world", text: `cut: ${mark.links.map((link) => link.replace(" ", "–")).join(", ")}` }];
    return mark.mark === "healed" ? [{ kind: "world", text: "the network is whole again" }] : [];
  });
  return row.at === null && row.note !== "" ? [...bands, { kind: "world", text: row.note }] : bands;
}
