import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (path: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/${path}.ts`, find, replace });
const frameInput = inFile("transport-tcp/src/frame-input");
const outgoing = inFile("transport-tcp/src/outgoing");

const NETWORK = "packages/transport-tcp/test/network.test.ts";
const FRAMES = "packages/transport-tcp/test/frame-streams.test.ts";

/** What travels between machines: frames, connections, messages as bytes, ballots of others, and quorums. */
export const wireMutants: readonly Mutant[] = [
  {
    id: "send-queue-without-limit",
    faults: [45],
    title: "Frames for a peer that hangs pile up without a limit",
    patches: [
      inFile("transport-tcp/src/frame-output")(
        `if (this.#ending || this.#heldBytes + size > this.#options.queueBytesMax) return -1;`,
        `if (this.#ending) return -1;`,
      ),
    ],
    finder: { kind: "unit", file: FRAMES, test: "takes no more than its limit" },
  },
  {
    id: "memory-of-frames-that-wait",
    faults: [46],
    title: "Frames are made where others still wait to be sent",
    patches: [
      inFile("transport-tcp/src/frame-output")(
        `if (!waited && this.#full.length === 0) this.#from = this.#at = 0;`,
        `if (!waited) this.#from = this.#at = 0;`,
      ),
    ],
    finder: { kind: "unit", file: FRAMES, test: "what waited leaves as it was made, whatever is made while it leaves" },
  },
  {
    id: "memory-of-frames-that-are-taken",
    faults: [46],
    title: "Frames are made where others still wait for the system",
    patches: [
      inFile("transport-tcp/src/frame-output")(
        `if (!waited && this.#full.length === 0) this.#from = this.#at = 0;`,
        `if (this.#full.length === 0) this.#from = this.#at = 0;`,
      ),
    ],
    finder: { kind: "unit", file: FRAMES, test: "while the system does not take a write none follows it" },
  },
  {
    id: "small-frame-keeps-all-that-came-with-it",
    faults: [45],
    title: "A small frame holds all that was read with it in memory",
    patches: [
      inFile("transport-tcp/src/incoming")(
        `if (bytes.buffer.byteLength <= 2 * length) return`,
        `if (bytes.buffer.byteLength > 0) return`,
      ),
    ],
    finder: { kind: "unit", file: NETWORK, test: "a frame that came holds no more than twice its size in memory" },
  },
  {
    id: "half-open-connection-kept",
    faults: [45],
    title: "A connection to a peer that says nothing any more is kept for ever",
    patches: [outgoing(`if (this.#silentBeats >= silentBeatsMax) return this.#drop("silent for too long");`, ``)],
    finder: { kind: "unit", file: NETWORK, test: "is noticed after the idle timeout, and dialed again" },
  },
  {
    id: "moved-member-dialed-where-it-was",
    faults: [45],
    title: "A member with a new address is dialed where it was",
    patches: [outgoing(`this.#address = address;`, ``)],
    finder: { kind: "unit", file: NETWORK, test: "a member with a new address is dialed there" },
  },
  {
    id: "moving-member-cut-off",
    faults: [45],
    title: "A member that is to move is cut off before it goes",
    patches: [
      outgoing(
        `if (this.#incarnation === null && !this.#closed) this.restart("the peer has another address");`,
        `if (!this.#closed) this.restart("the peer has another address");`,
      ),
    ],
    finder: { kind: "unit", file: NETWORK, test: "a member that is to move is spoken to where it is until it goes" },
  },
  {
    id: "payload-checksum-ignored",
    faults: [46],
    title: "A frame whose payload changed on the way is delivered",
    patches: [frameInput(`if (checksumOf(bytes, from, to) !== u32At(bytes, header + 5)) {`, `if (bytes.length < 0) {`)],
    finder: {
      kind: "unit",
      file: FRAMES,
      test: "damage of any single bit never shows as a frame, what came before it stays, and nothing comes after it",
    },
  },
  {
    id: "frame-length-believed",
    faults: [46],
    title: "An announced length above the limit is believed",
    patches: [
      frameInput(
        `if (length <= this.frameBytesMax) return length;`,
        `if (length <= 2 * this.frameBytesMax) return length;`,
      ),
    ],
    finder: {
      kind: "unit",
      file: FRAMES,
      test: "a length above the limit is refused on the header alone, and takes no memory before its bytes are there",
    },
  },
  {
    id: "split-header-lost",
    faults: [46],
    title: "A header that is cut in two by the network is begun anew",
    patches: [
      frameInput(
        `    let at = this.#append(chunk, 0, frameHeaderBytes);`,
        `    if (this.#filled < frameHeaderBytes) this.#filled = 0;
    let at = this.#append(chunk, 0, frameHeaderBytes);`,
      ),
    ],
    finder: { kind: "unit", file: FRAMES, test: "any frames, cut anyhow" },
  },
  {
    id: "old-incarnation-greeted",
    faults: [47, 82],
    title: "A process with an older boot of a node's store is listened to",
    patches: [
      inFile("transport-tcp/src/judge")(
        `if (latest !== undefined && compareIncarnations(from, latest) === "older") {`,
        `if (latest !== undefined && from.bootCount < 0) {`,
      ),
    ],
    finder: { kind: "unit", file: "packages/transport-tcp/test/handshake.test.ts", test: "stale" },
  },
  {
    id: "new-disk-greeted",
    faults: [31],
    title: "A disk that was formatted anew under a known node id is listened to",
    patches: [inFile("transport-tcp/src/judge")(`if (from.storeId !== storeId) {`, `if (from.storeId === "") {`)],
    finder: { kind: "unit", file: "packages/transport-tcp/test/handshake.test.ts", test: "store" },
  },
  {
    id: "control-behind-bulk",
    faults: [48],
    title: "Beats and bulk data share one connection, so that beats wait behind values",
    patches: [
      inFile("transport-tcp/src/peer")(
        `return this.#links[lane].send(frame);`,
        `return this.#links[lane === "bulk" ? "bulk" : "bulk"].send(frame);`,
      ),
    ],
    finder: { kind: "unit", file: NETWORK, test: "in the bulk lane alone holds back no control frame" },
  },
  {
    id: "never-dials-again",
    faults: [49],
    title: "A peer that was not there at the first try is never dialed again",
    patches: [
      outgoing(
        `this.#cancelTimer = clock.timer(delayMs, () => this.dial());`,
        `if (this.#failures > 1) this.#cancelTimer = clock.timer(delayMs, () => this.dial());`,
      ),
    ],
    finder: { kind: "unit", file: NETWORK, test: "a name that cannot be looked up is tried again like any other" },
  },
  {
    id: "newer-message-version-read",
    faults: [64],
    title: "A frame of another protocol version is read as if it were of this one",
    patches: [
      inFile("codec-msgpack/src/message-codec")(
        `  if (version !== undefined && version >= oldest(layout) && version <= layout.version) return;`,
        `  if (version !== undefined) return;`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/codec-msgpack/test/message-codec.test.ts",
      test: "another version is told apart from damage, whatever follows it",
    },
  },
  {
    id: "fields-not-checked",
    faults: [46, 79],
    title: "Numbers in a message are not checked to be whole and in range",
    patches: [
      inFile("codec-msgpack/src/fields")(
        `if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)) return value;`,
        `if (typeof value === "number") return value;`,
      ),
    ],
    finder: { kind: "unit", file: "packages/codec-msgpack/test/message-codec.test.ts", test: "every field is checked" },
  },
  {
    id: "field-order-swapped",
    faults: [64],
    title: "A release reads the fields of a message in another order than it was written",
    patches: [
      inFile("codec-msgpack/src/read")(
        `accepted: of(6, ([b, chosenUpTo, durableUpTo, applied, slots, creditBytes]) =>`,
        `accepted: of(6, ([b, durableUpTo, chosenUpTo, applied, slots, creditBytes]) =>`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/codec-msgpack/test/golden.test.ts",
      test: "has the bytes of its golden file, both ways",
    },
  },
  {
    id: "wild-ballot-believed",
    faults: [13, 79],
    title: "One huge ballot of a broken peer uses up the rounds for everybody",
    patches: [
      inFile("multipaxos/src/replica")(
        `if (ballotFault(ballot, highestRound) === null) continue;`,
        `if (ballotFault(ballot, Infinity) === null) continue;`,
      ),
    ],
    finder: { kind: "noise", runs: 50 },
  },
  {
    id: "vote-above-promise-believed",
    faults: [79],
    title: "A promise that reports a vote above its own ballot is believed",
    patches: [
      inFile("multipaxos/src/phase1")(
        `if (page.votes.some((vote) => compareBallots(vote.ballot, page.ballot) > 0)) return nothing;`,
        ``,
      ),
    ],
    finder: { kind: "unit", file: "packages/multipaxos/test/proposer.test.ts", test: "vote" },
  },
  {
    id: "majority-of-even-groups",
    faults: [11],
    title: "Half of an even group passes for a majority",
    patches: [
      inFile("paxos/src/quorum-sizes")(`return Math.floor(n / 2) + 1;`, `return Math.ceil(n / 2);`),
      inFile("paxos/src/quorum-sizes")(`q1 > n - q2;`, `q1 >= n - q2;`),
    ],
    finder: {
      kind: "unit",
      file: "packages/paxos/test/quorums.test.ts",
      test: "majority is the smallest size of which any two sets meet",
    },
  },
  {
    id: "shared-ballot-numbers",
    faults: [4, "MU-06"],
    title: "Ballots of two nodes with one round are taken for the same",
    patches: [inFile("paxos/src/ballots")(`  if (a.node !== b.node) return a.node < b.node ? -1 : 1;`, ``)],
    finder: { kind: "core", schedules: 100 },
  },
  {
    id: "rounds-jump",
    faults: [13],
    title: "Each ballot multiplies the round, so that soon peers refuse it and no round is left",
    patches: [
      inFile("paxos/src/ballots")(
        `const round = (highestSeen?.round ?? 0) + 1;`,
        `const round = ((highestSeen?.round ?? 0) + 1) * 2 ** 20;`,
      ),
    ],
    finder: { kind: "core", schedules: 100 },
  },
  {
    id: "rounds-overflow",
    faults: [13],
    title: "After the last round comes one that no longer grows",
    patches: [
      inFile("paxos/src/ballots")(
        `  if (!isRound(round)) {
    throw new SynodError(
      "RoundsExhausted",
      \`There is no round above`,
        `  if (round < 0) {
    throw new SynodError(
      "RoundsExhausted",
      \`There is no round above`,
      ),
    ],
    finder: { kind: "unit", file: "packages/paxos/test/ballots.test.ts", test: "ends at 2^53 - 1" },
  },
  {
    id: "unknown-outcome-counted-as-failure",
    faults: [67],
    title: "The checker of histories takes an operation without an answer for one that did not happen",
    patches: [
      inFile("linearizability/src/timeline")(
        `this.unknown = order.filter((index) => get(index).return === null);`,
        `this.unknown = order.filter((index) => get(index).return !== null && index < 0);`,
      ),
    ],
    finder: { kind: "sim", profile: "network", seeds: 40 },
  },
];
