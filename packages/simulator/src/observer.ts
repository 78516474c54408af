import type { NodeId, Slot, SynodError } from "@synod/interface";
import type { Cluster, ClusterParts } from "./cluster.js";
import { ballotText } from "./truth.js";
import type { Life } from "./process.js";
import { Sight } from "./sight.js";

/** At least one turn in so many is looked at. */
const GLANCES = 4;

/** Looks at nodes as an operator would, and holds what they say of themselves against what is true. */
export class Observer {
  readonly #p: ClusterParts;
  readonly #cluster: Cluster;
  readonly #sight: Sight;
  readonly #roles = new Map<NodeId, string>();
  /** The last slot that any node has executed. */
  #highest: Slot = 0;
  /** The last slot that each life was seen to have executed. */
  readonly #applied = new WeakMap<Life, number>();

  constructor(parts: ClusterParts, cluster: Cluster) {
    this.#p = parts;
    this.#cluster = cluster;
    this.#sight = new Sight(parts);
  }

  /** The process has ended. */
  gone(id: NodeId): void {
    this.#roles.delete(id);
  }

  /** After each turn. A status costs as much as a turn, so that where little happened only one in some turns is looked at. */
  glance(id: NodeId, life: Life): void {
    const applied = this.#cluster.serving(id)?.node.applied;
    const due = applied !== this.#applied.get(life) || life.ending || ++life.glances % GLANCES === 0;
    if (due || this.#p.config.lease !== null) this.observe(id, life);
  }

  observe(id: NodeId, life: Life): void {
    const running = this.#cluster.running.get(id);
    if (running === undefined || running.life !== life) return;
    const status = running.node.status();
    const { judge } = this.#p;
    if (status.state === "failed") {
      this.#cluster.running.delete(id);
      const { failure } = status;
      judge.check(
        this.#cluster.excuses(id, failure?.code ?? ""),
        "no node stops itself",
        () => `node ${id}: ${failure?.code} ${failureText(failure)}`,
      );
      if (this.#cluster.disk(id).faulty) judge.sometimes("stopped by a failing disk");
      this.#p.deploy.onStopped(id, failure?.code ?? "");
      if (failure?.code === "StateDiverged") judge.sometimes("diverged state found");
      this.#cluster.note(id, `stops by itself: ${failure?.code}`);
      this.#p.timeline.after(1, () => life.alive && this.#cluster.crash(id, "kill"));
      return;
    }
    if (status.state === "removed") {
      this.#cluster.running.delete(id);
      this.#cluster.note(id, "stops: it was removed");
      this.#cluster.onRemoved?.(id);
      this.#p.timeline.after(1, () => this.#cluster.throwAway(id));
      return;
    }
    const { applied, role, ballot } = status;
    if (status.voting) this.#votes(id);
    else judge.sometimes("a damaged node learns");
    if ((status.leaseLeftMs ?? 0) > 0) this.#onlyLease(id);
    judge.check(
      applied >= (this.#applied.get(life) ?? 0),
      "in-order apply",
      () => `node ${id} goes back from slot ${this.#applied.get(life)} to ${applied}`,
    );
    this.#applied.set(life, applied);
    judge.check(
      role === "follower" || !this.#cluster.isWitness(id),
      "a witness only votes",
      () => `witness ${id} is ${role}`,
    );
    this.#roleChanged(id, role === "leader" ? `leads in ${ballotText(ballot)}` : "");
    const shared = this.#sight.check(id, status, this.#cluster.isWitness(id));
    if (this.#p.config.deploy !== null) this.#p.deploy.check(id, status);
    if (applied % 4 === 0 && shared) this.compareDigest(id);
  }

  /** A node that votes has, or has had chosen, everything that its disk ever lost: the disk may rot anew. */
  #votes(id: NodeId): void {
    if (this.#cluster.disk(id).state !== "rotten") return;
    this.#cluster.disk(id).state = "whole";
    this.#cluster.note(id, "votes on a disk that had rotted");
    this.#p.judge.sometimes("rotten disk, and the node votes");
  }
  /** A node holds a lease by its clock: no other one does by its own, not even one that stands still. */
  #onlyLease(id: NodeId): void {
    for (const [other, { node }] of this.#cluster.running) {
      if (other === id || !this.#roles.has(other)) continue;
      this.#p.judge.check(
        (node.status().leaseLeftMs ?? 0) <= 0,
        "one lease at a time",
        () => `nodes ${id} and ${other} hold a lease`,
      );
    }
  }

  /** Ways of reading that are worth a word in the report. */
  counted(name: string, labels: Readonly<Record<string, string>> = {}): void {
    const { judge } = this.#p;
    if (name === "synod_reads_total" && labels["via"] !== "leader") judge.sometimes(`${labels["via"]} read`);
    if (name === "synod_lease_reads_refused_total") judge.sometimes("lease refused after a pause");
    if (name === "synod_quorum_reads_fell_back_total") judge.sometimes("quorum read fell back");
    if (name === "synod_leases_dropped_total") judge.sometimes(`lease dropped: ${labels["reason"]}`);
  }

  /** A node executed a slot: before the leader, where others count the votes as well. */
  applied(id: NodeId, slot: Slot): void {
    if (slot <= this.#highest) return;
    this.#highest = slot;
    const { learning } = this.#p.config;
    if (learning === null || (this.#roles.get(id) ?? "") !== "") return;
    this.#p.judge.sometimes(learning === "allToAll" ? "learned by all-to-all" : "executed on accept");
  }

  compareDigest(id: NodeId): void {
    const { life, node } = this.#cluster.serving(id) ?? {};
    if (node !== undefined && life?.flipped === null && !node.status().snapshot.installing)
      this.#sight.compare(id, node.digest());
  }

  #roleChanged(id: NodeId, role: string): void {
    const before = this.#roles.get(id) ?? "";
    if (before === role) return;
    this.#roles.set(id, role);
    this.#cluster.note(id, role === "" ? "no longer leads" : role);
    this.#p.judge.sometimes(role === "" ? "leader deposed" : "leader elected");
    if (role !== "") this.#cluster.onElected?.(id);
  }
}

function failureText(failure: SynodError | null): string {
  if (failure === null) return "";
  const cause = failure.cause instanceof Error ? ` (${failure.cause.message})` : "";
  return `${failure.message}${cause} ${JSON.stringify(failure.details)}`;
}
