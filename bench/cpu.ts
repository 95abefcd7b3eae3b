import { readFileSync, readdirSync } from 'node:fs';

/** CPU time by who used it, in milliseconds since each process began. */
export type CpuUse = Record<string, number>;

// What /proc counts in: USER_HZ, which Linux fixed at 100 for every program outside the kernel.
const TICK_MS = 10;

interface Process {
  pid: number;
  parent: number;
  command: string;
  usedMs: number;
  /** Of children that have ended. */
  collectedMs: number;
}

/**
 * CPU time of some processes and of all below them, by name. Sandbox processes stand apart from the worker
 * that started them. Linux only; elsewhere nothing is known and the answer is empty.
 */
export function readCpu(roots: Readonly<Record<string, number>>): CpuUse {
  const processes = listProcesses();
  const children = Map.groupBy(processes.values(), ({ parent }) => parent);
  const used: CpuUse = {};
  const count = (pid: number, name: string): void => {
    const process = processes.get(pid);
    if (process === undefined) return;
    const itsName = process.command.includes('guest-process') ? 'sandbox' : name;
    used[itsName] = (used[itsName] ?? 0) + process.usedMs;
    // A sandbox process is replaced now and then, and what it used then counts as its parent's.
    const collectedBy = ['local', 'worker'].includes(itsName) ? 'sandbox' : itsName;
    used[collectedBy] = (used[collectedBy] ?? 0) + process.collectedMs;
    for (const child of children.get(pid) ?? []) count(child.pid, itsName);
  };
  for (const [name, pid] of Object.entries(roots)) count(pid, name);
  return used;
}

export function subtractCpu(after: CpuUse, before: CpuUse): CpuUse {
  return Object.fromEntries(Object.entries(after).map(([name, ms]) => [name, ms - (before[name] ?? 0)]));
}

function listProcesses(): Map<number, Process> {
  const processes = new Map<number, Process>();
  for (const name of tryTo(() => readdirSync('/proc')) ?? []) {
    if (!/^\d+$/.test(name)) continue;
    const stat = tryTo(() => readFileSync(`/proc/${name}/stat`, 'utf8'));
    if (stat === null) continue;
    const command = tryTo(() => readFileSync(`/proc/${name}/cmdline`, 'utf8')) ?? '';
    // The second field is the program's name in brackets, which may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Fields 14 to 17 of proc(5): user and system time, own and of children that were collected.
    const [user, system, childUser, childSystem] = fields
      .slice(11, 15)
      .map((ticks) => Number(ticks) * TICK_MS);
    processes.set(Number(name), {
      pid: Number(name),
      parent: Number(fields[1]),
      command,
      usedMs: (user ?? 0) + (system ?? 0),
      collectedMs: (childUser ?? 0) + (childSystem ?? 0),
    });
  }
  return processes;
}

/** A process can end between being listed and being read. */
function tryTo<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
