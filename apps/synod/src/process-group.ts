import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** A process of this machine. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
}

/** Those that this process may see; none where that cannot be found out. */
function processes(): Process[] {
  try {
    return process.platform === "linux" ? fromProc() : fromPs();
  } catch {
    return [];
  }
}

function fromProc(): Process[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      // The name of the program is in parentheses, and may have any character.
      const [, parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return [{ pid: Number(name), parent: Number(parent), group: Number(group) }];
    } catch {
      // It has ended.
      return [];
    }
  });
}

function fromPs(): Process[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid=,pgid="], { encoding: "utf8" }).split("\n");
  return lines.flatMap((line) => {
    const [pid, parent, group] = line.trim().split(/\s+/).map(Number);
    return pid === undefined || parent === undefined || group === undefined ? [] : [{ pid, parent, group }];
  });
}

/**
 * Everything that a process has started in its own group, also what was left behind by a parent that has ended. The group has others: the
 * shell script that started it, the other end of a pipe. They were there before, or somebody of them started them.
 */
export function startedBy(self: number, before: ReadonlySet<number>, all: readonly Process[]): number[] {
  const byPid = new Map(all.map((one) => [one.pid, one]));
  const group = byPid.get(self)?.group;
  const isOurs = ({ pid, parent }: Process): boolean => {
    if (pid === self || before.has(pid)) return false;
    for (let up = byPid.get(parent); up !== undefined && up.pid > 1; up = byPid.get(up.parent)) {
      if (up.pid === self) return true;
      if (before.has(up.pid)) return false;
    }
    // Its parent has ended.
    return true;
  };
  return all.filter((one) => one.group === group && isOurs(one)).map(({ pid }) => pid);
}

/** The group of this process, whose other members are left alone. */
export function ownGroup(): { members(): number[] } {
  const all = processes();
  const own = all.find(({ pid }) => pid === process.pid);
  const before = new Set(all.filter(({ group }) => group === own?.group).map(({ pid }) => pid));
  before.delete(process.pid);
  return { members: () => startedBy(process.pid, before, processes()) };
}
