// The live page: shows what the supervisor sends and sends it what is clicked or typed.
import "./page.css";
import type { ClusterView, PageMessage } from "../view.js";
import { Cards } from "./cards.js";
import { Chart } from "./chart.js";
import { byId, grouped } from "./dom.js";
import { Log } from "./log.js";
import { Topology } from "./topology.js";

const log = new Log(byId("log"));
const cards = new Cards(byId("replicas"), run);
const topology = new Topology(byId("topology"), run);
const chart = new Chart(byId("chart"));
const connection = byId("connection");
let leader: number | null = null;
let freshId = 0;

function run(line: string): void {
  log.add("typed", `› ${line}`);
  send(line).then(
    ({ ok, lines }) => {
      for (const text of lines) log.add(ok ? "answer" : "bad", text);
    },
    () => log.add("bad", "the demo does not answer"),
  );
}

async function send(line: string): Promise<{ readonly ok: boolean; readonly lines: readonly string[] }> {
  const response = await fetch("/command", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ line }),
  });
  if (!response.ok) return { ok: false, lines: [await response.text()] };
  return (await response.json()) as { ok: boolean; lines: string[] };
}

function show(view: ClusterView): void {
  const { perSecond, p50Ms, p99Ms, acknowledged } = view.throughput;
  leader = view.leader;
  byId("rate").textContent = grouped(perSecond);
  byId("p50").textContent = perSecond === 0 ? "–" : `${p50Ms.toFixed(1)} ms`;
  byId("p99").textContent = perSecond === 0 ? "–" : `${p99Ms.toFixed(1)} ms`;
  byId("leader").textContent = leader === null ? "none" : `replica ${leader}`;
  byId("total").textContent = grouped(acknowledged);
  cards.show(view);
  topology.show(view);
  freshId = view.freshId;
  (byId("star-leader") as HTMLButtonElement).disabled = leader === null || view.replicas.length < 3;
  (byId("cut-leader") as HTMLButtonElement).disabled = leader === null || view.replicas.length === 1;
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-line^="load"]')) {
    button.setAttribute("aria-pressed", String(button.dataset["line"] === `load ${view.loadPerSecond}`));
  }
}

function receive(message: PageMessage): void {
  switch (message.kind) {
    case "hello":
      log.clear();
      for (const line of message.feed) log.feed(line);
      chart.reset(message.samples, message.feed);
      show(message.view);
      return;
    case "view":
      show(message.view);
      chart.add(message.sample);
      return;
    case "feed":
      log.feed(message.line);
      chart.mark(message.line);
  }
}

function connect(): void {
  const events = new EventSource("/events");
  events.addEventListener("open", () => {
    connection.textContent = "live";
    connection.className = "pill live";
  });
  events.addEventListener("error", () => {
    connection.textContent = "the demo has ended";
    connection.className = "pill gone";
  });
  events.addEventListener("message", ({ data }: MessageEvent<string>) => receive(JSON.parse(data) as PageMessage));
}

for (const button of document.querySelectorAll<HTMLButtonElement>("[data-line]")) {
  button.addEventListener("click", () => run(button.dataset["line"] ?? ""));
}
byId("cut-leader").addEventListener("click", () => {
  if (leader !== null) run(`cut ${leader}`);
});
byId("star-leader").addEventListener("click", () => {
  if (leader !== null) run(`star ${leader}`);
});
byId("add").addEventListener("click", () => run(`add ${freshId}`));
byId("console").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = byId("line") as HTMLInputElement;
  if (input.value.trim() === "") return;
  run(input.value);
  input.value = "";
});
connect();
