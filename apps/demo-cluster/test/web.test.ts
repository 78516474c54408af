import { request } from "node:http";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Feed } from "../src/feed.js";
import { Story } from "../src/story.js";
import { Throughput } from "../src/throughput.js";
import type { ClusterView, PageMessage, ReplicaView } from "../src/view.js";
import { type Page, servePage } from "../src/web.js";

const FOLDER = fileURLToPath(new URL("../src/page/public/", import.meta.url));

/** Any page will do. */
const LECTURE = fileURLToPath(new URL("../../playground/index.html", import.meta.url));

const view: ClusterView = {
  replicas: [1, 2, 3].map((id) => ({ id }) as ReplicaView),
  leader: 1,
  cuts: [],
  loadPerSecond: 0,
  throughput: { perSecond: 0, p50Ms: 0, p99Ms: 0, acknowledged: 0, failed: 0 },
  directory: "/tmp/x",
  freshId: 4,
  links: [],
  reach: [],
  check: { compared: 0, atMs: null, slot: 0, differs: null },
};

let page: Page;
let feed: Feed;
let story: Story;
let throughput: Throughput;
let executed: string[];

beforeEach(async () => {
  feed = new Feed();
  story = new Story();
  throughput = new Throughput(0);
  executed = [];
  const source = {
    view: () => view,
    samples: () => throughput.samples,
    onSample: (listener: Parameters<Throughput["onSample"]>[0]) => throughput.onSample(listener),
    feed,
    story,
    execute: (line: string) => {
      executed.push(line);
      return Promise.resolve({ ok: true, lines: ["done"], quit: false });
    },
    trace: () => Promise.resolve('{"version":1}'),
  };
  page = await servePage(source, 0, FOLDER, LECTURE);
});
afterEach(() => page.close());

interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Not `fetch`: that does not let Host and Origin be chosen. */
function ask({
  path = "/",
  method = "GET",
  headers = {},
  body,
}: Asked): Promise<{ status: number; text: string; policy: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(`${page.address}${path}`, { method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      const policy = String(response.headers["content-security-policy"]);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text, policy }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const post = (line: string, headers: Readonly<Record<string, string>> = {}) =>
  ask({
    path: "/command",
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ line }),
  });

describe("the page", () => {
  it("is served on the loopback address with nothing from elsewhere", async () => {
    expect(page.address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const { status, text, policy } = await ask({});
    expect(status).toBe(200);
    expect(text).toContain('<script type="module" src="/page.js">');
    expect(text).not.toMatch(/(src|href)="(https?:)?\/\//);
    expect(policy).toContain("default-src 'none'");
  });

  it("has no other files", async () => {
    for (const path of ["/x", "/../package.json", "/%2e%2e/package.json", "/index.html/"]) {
      expect((await ask({ path })).status).toBe(404);
    }
    expect((await ask({ method: "PUT" })).status).toBe(405);
  });

  it("gives away the last messages, and the playground under its own policy", async () => {
    const trace = await ask({ path: "/trace.json" });
    expect([trace.status, trace.text]).toEqual([200, '{"version":1}']);
    const lecture = await ask({ path: "/lecture" });
    expect([lecture.status, lecture.policy]).toEqual([200, "undefined"]);
    expect((await ask({ path: "/trace.json", headers: { host: "evil.example" } })).status).toBe(403);
  });

  it("carries out a command", async () => {
    const { status, text } = await post("kill 2", { origin: page.address });
    expect([status, JSON.parse(text), executed]).toEqual([200, { ok: true, lines: ["done"], quit: false }, ["kill 2"]]);
  });

  it("does not end the demo", async () => {
    expect((await post(" quit")).text).toContain("in the terminal only");
    expect(executed).toEqual([]);
  });

  it.each([
    ["of another site", { origin: "http://evil.example" }],
    ["of another port", { origin: "http://127.0.0.1:1" }],
    ["of a page without an origin", { origin: "null" }],
    ["under another name for this address", { host: "evil.example" }],
  ])("refuses the request %s", async (_name, headers) => {
    expect((await post("kill 2", headers)).status).toBe(403);
    expect((await ask({ headers })).status).toBe(403);
    expect(executed).toEqual([]);
  });

  it("refuses what is no command", async () => {
    expect((await post("kill 2", { "content-type": "text/plain" })).status).toBe(415);
    const json = { "content-type": "application/json" };
    const asked = { path: "/command", method: "POST", headers: json };
    expect((await ask({ ...asked, body: "{" })).status).toBe(400);
    expect((await ask({ ...asked, body: '{"line":7}' })).status).toBe(400);
    expect((await ask({ ...asked, body: "null" })).status).toBe(400);
    expect((await ask({ ...asked, body: JSON.stringify({ line: "x".repeat(9000) }) })).status).toBe(413);
    expect(executed).toEqual([]);
  });
});

describe("the stream", () => {
  it("sends everything first, then what is new", async () => {
    feed.add("leader", "replica 1 leads");
    throughput.sample(250, 250);
    const response = await fetch(`${page.address}/events`);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const messages = messagesOf(response);
    expect(await next(messages)).toMatchObject({
      kind: "hello",
      view: { leader: 1 },
      feed: [{ number: 1, text: "replica 1 leads" }],
      samples: [{ atMs: 250 }],
    });
    feed.add("bad", "replica 1 killed");
    expect(await next(messages)).toMatchObject({
      kind: "feed",
      line: { number: 2, kind: "bad", text: "replica 1 killed" },
    });
    story.add(2, { kind: "killed" }, 0);
    story.tell(1000);
    expect(await next(messages)).toMatchObject({ kind: "told", told: { number: 1, at: 2, tone: "fault" } });
    throughput.sample(500, 500);
    expect(await next(messages)).toMatchObject({ kind: "view", view: { leader: 1 }, sample: { atMs: 500 } });
    await page.close();
    expect((await messages.next()).done).toBe(true);
  });
});

async function next(messages: AsyncGenerator<PageMessage>): Promise<PageMessage | undefined> {
  const { value } = (await messages.next()) as IteratorResult<PageMessage, undefined>;
  return value;
}

async function* messagesOf(response: Response): AsyncGenerator<PageMessage> {
  let text = "";
  if (response.body === null) return;
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const parts = (text + chunk).split("\n\n");
    text = parts.pop() ?? "";
    for (const part of parts) if (part.startsWith("data: ")) yield JSON.parse(part.slice(6)) as PageMessage;
  }
}

describe("the port", () => {
  it("is said to be in use in one line", async () => {
    const port = Number(new URL(page.address).port);
    const source = {
      view: () => view,
      samples: () => [],
      onSample: () => () => undefined,
      feed,
      story,
      trace: () => Promise.reject(new Error("not asked")),
      execute: () => Promise.reject(new Error()),
    };
    await expect(servePage(source, port, FOLDER)).rejects.toThrow(
      expect.objectContaining({ exitCode: 2, message: `port ${port} on 127.0.0.1 is in use: choose another --port` }),
    );
  });
});
