import { listOf, type Mark, type Row } from "./trace.js";

/** A row in words: the same for a list, for a picture's description and for a reader who hears it. */
export function sentenceOf(row: Omit<Row, "text">): string {
  const parts = [openingOf(row), ...row.marks.map((mark) => markText(mark, row)), sendsText(row.sends)].filter(
    (part) => part !== "",
  );
  return parts.join(" ");
}

function openingOf({ action, arrow, outcome }: Omit<Row, "text">): string {
  switch (action.do) {
    case "ask":
      return action.client.startsWith("S")
        ? `${action.to} wants ${action.value}.`
        : `${action.client} asks ${action.to} for ${action.value}.`;
    case "send":
      return `${action.client} sends ${action.value}.`;
    case "timeout":
      return `${action.at} has waited long enough.`;
    case "deliver":
    case "duplicate":
    case "lose":
      break;
    default:
      return "";
  }
  if (arrow === null) return "";
  const { from, to, label } = arrow;
  if (action.do === "lose") return `${label} from ${from} to ${to} is lost.`;
  if (outcome === "lost") return `${label} from ${from} finds ${to} down.`;
  return `${to} receives ${label} from ${from}${action.do === "duplicate" ? ", and another copy is on its way" : ""}.`;
}

/** Of all of the row, so that nothing needs to be said twice. */
function markText(mark: Mark, { marks, sends }: Omit<Row, "text">): string {
  switch (mark.mark) {
    case "promised":
      return `${mark.at} will accept nothing below round ${mark.rnd}.`;
    case "accepted":
      return mark.copy === true
        ? `${mark.at} copies ${mark.value} of round ${mark.rnd}${slotText(mark.slot)}.`
        : `${mark.at} accepts ${mark.value} in round ${mark.rnd}${slotText(mark.slot)}.`;
    case "chosen":
      return mark.before === null
        ? `Now ${mark.value} is chosen${isAlone(mark, marks) ? "" : slotText(mark.slot)}, in round ${mark.rnd}.`
        : `${mark.value}, chosen already in round ${mark.before}, is now chosen in round ${mark.rnd} too.`;
    case "learned":
      if (mark.decided === true) return `${mark.at} takes ${mark.value} for decided.`;
      if (marks.some((one) => one.mark === "chosen" && one.slot === mark.slot)) return `${mark.at} learns it at once.`;
      return mark.wrongly
        ? `${mark.at} believes that ${mark.value} is chosen${slotText(mark.slot)}, and is wrong.`
        : `${mark.at} learns that ${mark.value} is chosen${slotText(mark.slot)}.`;
    case "executed":
      if (mark.state.length === 1) return `${mark.at} executes ${mark.value}.`;
      return `${mark.at} executes ${mark.value}; its state is ${mark.state.join(" ")}.`;
    case "answered":
      if (mark.lost) return `Its answer does not reach ${mark.client}.`;
      if (mark.again) return `(${mark.client} has its answer.)`;
      return `${mark.client} is answered: ${mark.state.join(" ")}.`;
    case "leads":
      return `${mark.at} believes that it leads.`;
    case "stopsLeading":
      return `${mark.at} no longer leads.`;
    case "suspects":
      return `${mark.at} thinks that ${mark.of} is down${mark.wrongly ? ", and is wrong" : ""}.`;
    case "refused":
      return `${mark.at} ${sends.length > 0 ? "refuses" : "does nothing with it"}: ${mark.because}.`;
    case "notes":
      return `${mark.at} ${mark.text}.`;
    case "crashed":
      return `${mark.at} crashes.`;
    case "stopped":
      return `${mark.at} stops itself. ${mark.because}`;
    case "restarted":
      return `${mark.at} restarts, its disk ${mark.disk}${mark.has === "" ? "" : `: ${mark.has}`}.`;
    case "cut":
      return `The network is cut: ${listOf(mark.links.map((link) => link.replace(" ", "-")))} cannot talk.`;
    case "healed":
      return "The network is whole again.";
  }
}

const isAlone = (mark: Mark, marks: readonly Mark[]): boolean =>
  marks.every((one) => one === mark || one.mark !== mark.mark);

function slotText(slot: number): string {
  return slot === 0 ? "" : ` for number ${slot}`;
}

/** To whom each message goes; messages that go to the same are told together. */
function sendsText(sends: Row["sends"]): string {
  const receivers = new Map<string, string[]>();
  for (const { from, to, label, lost } of sends) {
    const key = `${from} sends ${label}`;
    receivers.set(key, [...(receivers.get(key) ?? []), lost ? `${to} (lost: the link is cut)` : to]);
  }
  const labels = new Map<string, string[]>();
  for (const [text, to] of receivers) {
    const [from = "", label = ""] = text.split(" sends ");
    const key = `${from} ${listOf(to)}`;
    labels.set(key, [...(labels.get(key) ?? [`${from} sends `]), label]);
  }
  return [...labels]
    .map(([key, [start = "", ...texts]]) => `${start}${listOf(texts)} to ${key.slice(key.indexOf(" ") + 1)}.`)
    .join(" ");
}
