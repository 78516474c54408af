import type { Codec, Versions } from "@synod/interface";
import { SynodError } from "@synod/interface";
import type { Envelope } from "@synod/multipaxos";
import { type BatchEntry, decodeBatch, isBatch } from "@synod/rsm";
import type { CounterCommand, Release } from "./world.js";
import { World } from "./world.js";

/**
 * Runs a transcript of whole nodes in virtual time and returns it as it should be: as those of @synod/multipaxos, lines that start with `> ` are
 * commands, indented lines are what came of them and are written anew, all others are prose.
 */
export async function perform(text: string): Promise<string> {
  const script = new Script();
  const lines: string[] = [];
  for (const line of text.trimEnd().split("\n")) {
    if (line.startsWith("  ")) continue;
    lines.push(line);
    if (!line.startsWith("> ")) continue;
    try {
      lines.push(...(await script.run(line.slice(2))).map((event) => `  ${event}`));
    } catch (error) {
      throw new Error([...lines, ...script.log, String(error)].join("\n"), { cause: error });
    }
  }
  await script.close();
  return `${lines.join("\n")}\n`;
}

const numberOf = (words: readonly string[], name: string): number | undefined => {
  const word = words.find((each) => each.startsWith(`${name}=`));
  return word === undefined ? undefined : Number(word.slice(name.length + 1));
};

class Script {
  readonly log: string[] = [];
  #world: World | null = null;
  #calls = 0;

  get world(): World {
    if (this.#world === null) throw new Error("a transcript begins with `nodes`");
    return this.#world;
  }

  async run(line: string): Promise<string[]> {
    const [name = "", ...words] = line.split(" ");
    const id = Number(words[0]);
    switch (name) {
      /** `nodes 3 machine=1 wire=1`, and limits by their names. */
      case "nodes":
        await this.#nodes(id, words);
        break;
      /** `deploy 2 machine=2 wire=2`: node 2 is stopped and started with another release. */
      case "deploy":
        await this.world.crash(id);
        await this.#boot(id, words);
        await this.world.leader();
        break;
      case "crash":
        await this.world.crash(id);
        break;
      /** `put 1 5`: node 1 is to add 5. `put 1 5 times=9`: nine times, without waiting. The answers come with the time that passes. */
      case "put":
        for (let i = numberOf(words, "times") ?? 1; i > 0; i--) this.#put(id, { add: Number(words[1]) });
        break;
      case "run":
        await this.world.clock.run(Number(words[0]?.replace("ms", "")));
        break;
      case "slow-disks":
        for (const disk of this.world.disks.values()) disk.delayMs = Number(words[0]);
        break;
      case "status":
        for (const [node, text] of this.#status()) this.log.push(`${node} ${text}`);
        break;
      default:
        throw new Error(`no command ${name}`);
    }
    return this.log.splice(0);
  }

  async close(): Promise<void> {
    await this.world.close();
  }

  async #nodes(count: number, words: readonly string[]): Promise<void> {
    const limits = ["queueBytesMax", "queueWaitMs", "batchBytesMax"].flatMap((name) => {
      const value = numberOf(words, name);
      return value === undefined ? [] : [[name, value] as const];
    });
    this.#world = new World(count, 1, Object.fromEntries(limits));
    for (const id of this.world.ids) await this.#boot(id, words, true);
    await this.world.leader();
  }

  async #boot(id: number, words: readonly string[], bootstrap = false): Promise<void> {
    const wire = numberOf(words, "wire") ?? 1;
    const release: Release = {
      codec: this.#codec(wire),
      supports: { wire },
      version: numberOf(words, "machine") ?? 1,
    };
    const events = (await this.world.boot(id, bootstrap, release)).events();
    void (async () => {
      for await (const event of events) {
        if (event.kind === "elected") this.log.push(`${id} leads`);
        if (event.kind === "versionsRaised") this.log.push(`${id} knows ${versionsText(event.versions)} in force`);
        if (event.kind === "failed") this.log.push(`${id} stops: ${event.error.message.split(". ")[0]}`);
      }
    })();
  }

  /** A release reads and writes its wire version and the one before. What is proposed is told, in which version it is written. */
  #codec(release: number): Codec<Envelope> {
    const { codec } = this.world;
    const check = ({ version }: Pick<Envelope, "version">): void => {
      if (version === release || (version === release - 1 && version > 0)) return;
      throw new SynodError("VersionUnsupported", `frames of version ${version}, and this is release ${release}`);
    };
    return {
      encode: (envelope) => {
        check(envelope);
        const { message, from, version, clusterId } = envelope;
        if (message.kind === "accept" && clusterId !== "check") {
          const texts = message.values.map(valueText).join("; ");
          this.log.push(`${from} sends accept s${message.firstSlot} ${texts}, in wire version ${version}`);
        }
        return codec.encode(envelope);
      },
      decode: (frame) => {
        const envelope = codec.decode(frame);
        check(envelope);
        return envelope;
      },
    };
  }

  #put(id: number, command: CounterCommand): void {
    const call = ++this.#calls;
    this.world
      .node(id)
      .propose(command)
      .then(
        (total) => this.log.push(`${id} answers put ${call}: ${total}`),
        (error: unknown) => {
          const { code = String(error), details = {} } = error instanceof SynodError ? error : {};
          const later = "retryAfterMs" in details ? `, come back after ${String(details["retryAfterMs"])} ms` : "";
          this.log.push(`${id} refuses put ${call}: ${code}${later}`);
        },
      );
  }

  #status(): [number, string][] {
    return this.world.ids.map((id) => {
      const node = this.world.nodes.get(id);
      if (node === undefined) return [id, "is down"];
      const { versions, role, state, applied } = node.status();
      const { inForce, supports, heldBackBy } = versions;
      const waits = heldBackBy.length === 0 ? "" : `, held back by ${heldBackBy.join(" ")}`;
      const what = state === "running" ? role : state;
      const text = `${what}, executed ${applied}: ${this.world.machine(id).total}, in force ${versionsText(inForce)}`;
      return [id, `${text}, supports ${versionsText(supports)}${waits}`];
    });
  }
}

const versionsText = ({ wire, log, machine }: Versions): string => `wire ${wire} log ${log} machine ${machine}`;

function valueText(value: Uint8Array): string {
  return isBatch(value) ? decodeBatch(value).entries.map(entryText).join(", ") : "noop";
}

function entryText(entry: BatchEntry): string {
  if (entry.kind === "raise") return `raise to ${versionsText(entry.versions)}`;
  if (entry.kind === "open") return "open a session";
  return entry.kind === "command" ? new TextDecoder().decode(entry.body) : entry.kind;
}
