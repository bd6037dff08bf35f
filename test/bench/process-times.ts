/** Processor time of processes, as Linux counts it in /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** A clock tick of /proc in milliseconds: USER_HZ is 100 wherever Node runs. */
const TICK_MS = 10;

interface ProcessTimes {
  parent: number;
  cpuMs: number;
}

/** Of a process; undefined where it is gone. */
function timesOf(pid: number): ProcessTimes | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // the name, in parentheses, may hold anything
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { parent: Number(fields[1]), cpuMs: TICK_MS * (Number(fields[11]) + Number(fields[12])) };
}

/** Milliseconds of all processors that a process has used since its start; 0 where it is gone. */
export function cpuMsOf(pid: number): number {
  return timesOf(pid)?.cpuMs ?? 0;
}

/** The same of a process and of all that descend from it. */
export function cpuMsOfTree(root: number): number {
  const all = new Map<number, ProcessTimes>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const times = Number.isInteger(pid) ? timesOf(pid) : undefined;
    if (times) all.set(pid, times);
  }
  const descends = (pid: number | undefined): boolean =>
    pid !== undefined && (pid === root || descends(all.get(pid)?.parent));
  let total = 0;
  for (const [pid, { cpuMs }] of all) if (descends(pid)) total += cpuMs;
  return total;
}
