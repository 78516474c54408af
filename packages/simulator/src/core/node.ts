import type { NodeId, Slot, StorageWrite } from "@synod/interface";
import { type Effects, type Message, Replica, type ReplicaStatus, type Send } from "@synod/multipaxos";
import { check } from "./broken.js";
import { deepFreeze } from "./deep-freeze.js";
import { Disk } from "./disk.js";
import { Execution } from "./execution.js";
import { type ArmedCrash, type CoreNodeParts, type Life, newLife, type Writing } from "./life.js";
import { noticeName } from "./notice-name.js";
import { CoreSnapshots, type DiskWork } from "./snapshots.js";
import { checkStatus } from "./status-checks.js";
import { rankOf } from "./values.js";
import { type Got, WitnessRule } from "./witness-rule.js";

/** The driver of one replica, and what outlives a crash. */
export class CoreNode {
  readonly id: NodeId;
  readonly disk: Disk = new Disk();
  readonly snapshots: CoreSnapshots;
  readonly #execution: Execution;
  life: Life | null = null;
  diskMs: readonly [number, number];
  armed: ArmedCrash | null = null;
  /** Its disk is gone for good. */
  lost = false;
  /** The mark that was on its disk before that was lost or damaged. */
  #markLost: Slot = 0;
  readonly #p: CoreNodeParts;
  #lives = 0;
  #pausedUntilMs = 0;
  /** What a paused process will find when it goes on. */
  #deferred: (() => void)[] = [];
  #rate = 1;
  #aheadMs = 0;

  /** It only votes. */
  readonly witness: boolean;

  constructor(id: NodeId, parts: CoreNodeParts, witness: boolean) {
    this.id = id;
    this.witness = witness;
    this.#p = parts;
    this.diskMs = parts.diskMs;
    const host = {
      id,
      witness,
      disk: this.disk,
      later: (life: Life, ms: readonly [number, number], action: () => void) => {
        const { world } = parts;
        world.after(world.random.between(ms[0], ms[1]), () => this.#whenAwake(life, action));
      },
      onDisk: (life: Life, action: () => void) => {
        const work = { action };
        life.snapshots.onDisk.add(work);
        this.#endLater(life, work);
      },
      settle: (life: Life) => {
        if (this.life !== life) return;
        this.#settle(life, life.replica.takeEffects());
        this.#execution.answerReads(life);
      },
    };
    this.snapshots = new CoreSnapshots(host, parts);
    this.#execution = new Execution(this, parts, (life, action) => this.#whenAwake(life, action));
  }

  get leads(): boolean {
    return this.life?.replica.leads === true;
  }

  /**
   * The mark on its disk, or the last one that was there. A member whose disk is lost, or damaged and not yet repaired, takes no
   * part, so that every quorum which is still formed has another one of those that held what it held.
   */
  get marked(): Slot {
    return this.lost || this.disk.forgot ? Math.max(this.#markLost, this.disk.chosenUpTo) : this.disk.chosenUpTo;
  }

  status(): ReplicaStatus | null {
    return this.life?.replica.status() ?? null;
  }

  // ---- faults

  boot(): void {
    if (this.life !== null || this.lost) return;
    const { world, configuration, drift, oracle } = this.#p;
    const settings = { ...this.#p.settings, priority: this.#p.priorities?.[this.id] ?? 0 };
    this.#lives++;
    const bootId = `${this.id}:${this.#lives}`;
    const recovered = this.disk.recovered();
    const { snapshot } = this.disk;
    const replica = new Replica({
      nodeId: this.id,
      bootId,
      configuration,
      recovered,
      settings,
      witness: this.witness,
      ...(snapshot === null ? {} : { snapshotHash: snapshot.hash, snapshotHead: snapshot.head }),
    });
    const covered = recovered.snapshot?.index ?? 0;
    oracle.onBoot(this.id);
    oracle.epochs.compareAll(this.id, replica.membership());
    const { promised, chosenUpTo } = replica.status();
    check(
      rankOf(promised) >= rankOf(recovered.promised) && chosenUpTo >= recovered.chosenUpTo,
      "acknowledged writes survive",
      () => `node ${this.id} starts with less than its disk holds`,
    );
    this.#rate = 1 + world.random.between(-drift, drift);
    this.#aheadMs = drift === 0 ? 0 : world.random.between(0, 1000);
    const { retainedBytesMax: roomBytes = Infinity, electionTimeoutMs: timeoutMs } = settings;
    const parts = { id: this.id, oracle, disk: this.disk, roomBytes, timeoutMs };
    this.life = newLife(replica, { bootId, executed: covered, rule: this.witness ? new WitnessRule(parts) : null });
    world.note(this.id, () => `starts, chosen up to ${chosenUpTo}`);
    this.#tick(this.life);
  }

  /** The process dies. A write under way may be found later, or not. */
  crash(): void {
    const { life } = this;
    if (life === null) return;
    const { world, reads } = this.#p;
    world.note(this.id, () => "crashes");
    this.life = null;
    this.armed = null;
    this.#pausedUntilMs = 0;
    this.#deferred = [];
    reads.forget(life);
    world.sometimes("crash");
    if (life.writing === null || life.writing.durable) return;
    const kept = world.random.chance(0.5);
    world.sometimes(kept ? "crash, write kept" : "crash, write lost");
    if (kept) this.#apply(life.writing.write);
  }

  /** Its log loses something in its middle while it is down. */
  rot(): void {
    this.crash();
    const { world } = this.#p;
    const { marked } = this;
    if (!this.disk.rot(world.random)) return;
    this.#markLost = marked;
    world.sometimes(this.disk.forgot ? "log damaged" : "log damaged, nothing of use lost");
    world.note(this.id, () => `its log is damaged up to slot ${this.disk.forgotUpTo}`);
  }

  /** The disk is lost, or thrown away: this id never comes back. */
  destroy(): void {
    this.crash();
    this.#markLost = this.marked;
    this.lost = true;
    this.disk.erase();
    this.#p.world.note(this.id, () => "its disk is gone");
  }

  pause(ms: number): void {
    const { world } = this.#p;
    if (this.life === null) return;
    const untilMs = world.nowMs + ms;
    this.#pausedUntilMs = Math.max(untilMs, this.#pausedUntilMs);
    world.note(this.id, () => `stands still for ${ms.toFixed(1)} ms`);
    world.after(ms, () => {
      if (this.#pausedUntilMs === untilMs) this.resume();
    });
  }

  resume(): void {
    this.#pausedUntilMs = 0;
    if (this.#p.configuration.lease !== undefined && this.leads) this.#p.onResume(this.id);
    for (const action of this.#deferred.splice(0)) action();
  }

  /** The clock jumps forward. */
  jump(ms: number): void {
    this.#aheadMs += ms;
    this.#p.world.note(this.id, () => `its clock jumps by ${ms.toFixed(1)} ms`);
  }

  /** The disk is quick again, also with what it has begun. */
  healDisk(diskMs: readonly [number, number]): void {
    this.diskMs = diskMs;
    this.armed = null;
    const { life } = this;
    if (life === null) return;
    if (life.writing?.durable === false) this.#finishLater(life, life.writing);
    for (const work of life.snapshots.onDisk) this.#endLater(life, work);
  }

  /** What the disk does for snapshots ends once. */
  #endLater(life: Life, work: DiskWork): void {
    const { world } = this.#p;
    world.after(world.random.between(this.diskMs[0], this.diskMs[1]), () => {
      if (this.life === life && life.snapshots.onDisk.delete(work)) work.action();
    });
  }

  /** Whether the process is to end at this step, which it then does. */
  #endsAt(step: ArmedCrash["step"]): boolean {
    const { armed } = this;
    if (armed?.step !== step || armed.left-- > 0) return false;
    this.#p.world.sometimes(`crash armed: ${step}`);
    this.crash();
    return true;
  }

  // ---- events

  /** Something happens to one life. A paused process does nothing until it goes on. */
  #whenAwake(life: Life, action: () => void): void {
    if (this.life !== life) return;
    if (this.#pausedUntilMs > this.#p.world.nowMs) this.#deferred.push(() => this.#whenAwake(life, action));
    else action();
  }

  #tick(life: Life): void {
    const { world, settings } = this.#p;
    this.turn(() => {});
    const everyMs = settings.electionTimeoutMs / 10;
    world.after(world.random.between(0.6 * everyMs, everyMs), () => this.#whenAwake(life, () => this.#tick(life)));
  }

  /** What the clock of this process shows. */
  get clockMs(): number {
    return this.#aheadMs + this.#p.world.nowMs * this.#rate;
  }

  #begin(life: Life): void {
    life.rule?.begin(this.clockMs, life.handedOut);
    life.replica.tick(this.clockMs, this.#p.world.random.fraction());
  }

  /** What comes of a turn, in which it was given a message or not. */
  #end({ replica, rule }: Life, got: Got | null): Effects {
    const effects = replica.takeEffects();
    rule?.end(effects, () => replica.status().heard, got);
    return effects;
  }

  /** A call that comes in between two turns: nobody has looked at the clock since the last one. */
  call(event: (life: Life) => void): void {
    const { life } = this;
    if (life === null || this.#pausedUntilMs > this.#p.world.nowMs) return;
    event(life);
    this.#settle(life, life.replica.takeEffects());
  }

  /** Calls of clients: lost on a process that is paused. */
  turn(event: (life: Life) => void): void {
    const { life } = this;
    if (life === null || this.#pausedUntilMs > this.#p.world.nowMs) return;
    this.#begin(life);
    event(life);
    this.#settle(life, this.#end(life, null));
  }

  receive(from: NodeId, message: Message): void {
    if (this.life === null) return;
    if (this.#pausedUntilMs > this.#p.world.nowMs) {
      this.#deferred.push(() => this.receive(from, message));
      return;
    }
    const { life } = this;
    const { replica } = life;
    this.#begin(life);
    if (message.kind !== "accept" && message.kind !== "prepare") {
      replica.receive(from, message);
      this.#settle(life, this.#end(life, { from, message }));
      return;
    }
    const promised = checkStatus(this.id, life, this.#p);
    const { voting } = replica.status();
    replica.receive(from, message);
    const effects = this.#end(life, { from, message });
    const { oracle } = this.#p;
    if (effects.compactedUpTo !== null) oracle.onCompacted(this.id, effects.compactedUpTo);
    if (!voting) this.#p.world.sometimes("a damaged node learns");
    // Nobody needs to answer a member that is out.
    else if (!oracle.epochs.last.retired.includes(from)) {
      oracle.onAnswer(this.id, from, message, promised, effects.sends, life.outbox.held);
    }
    this.#settle(life, effects);
  }

  // ---- effects

  #settle(life: Life, effects: Effects): void {
    const { oracle, world, network } = this.#p;
    for (const { slot, value } of effects.chosen) {
      check(slot === life.handedOut + 1, "in-order apply", () => `node ${this.id}: ${slot} after ${life.handedOut}`);
      if (slot > oracle.seenUpTo && !this.leads) world.sometimes("executed before the leader did");
      oracle.onHandedOut(this.id, slot, value);
      life.handedOut = slot;
    }
    for (const ready of effects.reads) this.#execution.readReady(life, ready);
    for (const notice of effects.notices) {
      world.sometimes(noticeName(notice));
      if (notice.kind === "configuration") oracle.epochs.compareAll(this.id, life.replica.membership());
      const leads = notice.kind === "campaign" || notice.kind === "elected";
      check(!leads || !this.witness, "a witness only votes", () => `witness ${this.id}: ${notice.kind}`);
      this.#p.onNotice(this, notice);
      // What an earlier leadership of the same node was told.
      if (notice.kind === "elected" && this.#p.echo > 0) network.replay(this.id, this.#p.echo);
      world.note(this.id, () => ("reason" in notice ? `${notice.kind}: ${notice.reason}` : notice.kind));
    }
    for (const { outcome } of effects.forwardOutcomes) world.sometimes(`forward ${outcome}`);
    this.#p.leases.look(this);
    this.snapshots.onEffects(life, effects);
    this.#execution.execute(life);
    this.snapshots.consider(life);
    this.#startWrite(life);
    if (this.life !== life) return;
    this.#leave(life, life.outbox.add(effects.sends));
    if (this.life !== life || effects.forwarded.length === 0) return;
    for (const forwarded of effects.forwarded) this.#onForwarded(life, forwarded);
    this.#settle(life, life.replica.takeEffects());
  }

  #onForwarded(life: Life, { from, bootId, sequence, body }: Effects["forwarded"][number]): void {
    const id = `${bootId}#${sequence}`;
    check(!life.taken.has(id), "forward taken once", () => `node ${this.id} takes forward ${id} again`);
    check(!life.refused.has(id), "forward taken once", () => `node ${this.id} takes forward ${id}, which it refused`);
    life.taken.add(id);
    const slot = life.replica.propose(body);
    life.replica.replyForward(from, bootId, sequence, slot === null ? "busy" : "queued");
  }

  #leave(life: Life, sends: readonly Send[]): void {
    if (sends.length === 0) return;
    const { oracle, network, world, freeze } = this.#p;
    for (const { to, message } of sends) {
      oracle.onSend(this.id, message, this.disk);
      const offers = message.kind === "snapshotOffer" || message.kind === "accept" || message.kind === "forward";
      check(!offers || !this.witness, "a witness only votes", () => `witness ${this.id} sends ${message.kind}`);
      if (message.kind === "beat" || message.kind === "beatReply") life.impaired = message.impaired;
      if (message.kind === "promise" && message.lastSlot !== null) world.sometimes("promise page");
      else if (message.kind === "snapshotOffer") world.sometimes("snapshot offered");
      else if (message.kind === "fetch" || message.kind === "reject") world.sometimes(message.kind);
      if (message.kind === "forwardReply" && message.outcome === "notProposed") {
        life.refused.add(`${message.bootId}#${message.sequence}`);
      }
      if (freeze) deepFreeze(message);
      for (const peer of to) {
        network.send(this.id, peer, message);
        if (this.armed !== null && this.#endsAt("message sent")) return;
      }
    }
  }

  #startWrite(life: Life): void {
    if (life.writing !== null) return;
    const next = life.replica.takeWrite();
    if (next === null) return;
    const writing = { ...next, durable: false };
    life.writing = writing;
    if (this.armed !== null && this.#endsAt("write begun")) return;
    this.#finishLater(life, writing);
  }

  #finishLater(life: Life, writing: Writing): void {
    const { world } = this.#p;
    world.after(world.random.between(this.diskMs[0], this.diskMs[1]), () => {
      if (this.life === life && life.writing === writing && !writing.durable) this.#finish(life, writing);
    });
  }

  /** Durable at once; a process that is paused hears of it later. */
  #finish(life: Life, writing: Writing): void {
    this.#apply(writing.write);
    writing.durable = true;
    const heard = (): void => {
      life.writing = null;
      life.replica.writeDone(writing.id);
      life.rule?.marked(writing.write.chosenUpTo ?? 0);
      this.#leave(life, life.outbox.durable(writing.id));
      if (this.life === life) this.#settle(life, life.replica.takeEffects());
    };
    if (this.armed !== null && this.#endsAt("write durable")) return;
    this.#whenAwake(life, heard);
  }

  #apply(write: StorageWrite): void {
    const { oracle } = this.#p;
    const mark = this.disk.chosenUpTo;
    oracle.onDurable(this.id, this.disk, write);
    this.disk.apply(write);
    if (this.disk.chosenUpTo !== mark) oracle.onMark(this.id, this.disk, mark);
  }
}
