/** Measures one scenario: a nats-server, the coordinator and the workers, each a process of its own. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NatsServer } from '../../../deploy/cluster/nats-server.js';
import { cpuMsOf } from '../process-times.js';
import type {
  CoordinatorFigures,
  CoordinatorTask,
  FromCoordinator,
  FromWorkers,
  Scenario,
  WorkersTask,
} from './scenario.js';

const COORDINATOR = fileURLToPath(new URL('./coordinator.js', import.meta.url));
const WORKERS = fileURLToPath(new URL('./workers.js', import.meta.url));
const PROCESSES = 4;

export interface Measured extends CoordinatorFigures {
  scenario: Scenario;
  /** Milliseconds of processor time in the measured rounds. */
  serverCpuMs: number;
  workersCpuMs: number;
  /** Milliseconds of the slowest worker's windows in each measured round. */
  slowestMs: number[];
}

export async function measure(scenario: Scenario, binary: string): Promise<Measured> {
  const store = mkdtempSync(join(tmpdir(), 'lopt-scale-'));
  const server = await NatsServer.start({ binary, store });
  const children: ChildProcess[] = [];
  try {
    const task: CoordinatorTask = { url: server.url, scenario };
    const workers = Array.from({ length: PROCESSES }, (_, index): ChildProcess => {
      const cut = (piece: number) => Math.floor((piece * scenario.workers) / PROCESSES);
      const child = fork(WORKERS, [JSON.stringify({ ...task, first: cut(index), end: cut(index + 1) } as WorkersTask)]);
      children.push(child);
      return child;
    });
    await Promise.all(workers.map((child) => messageOf<FromWorkers>(child)));
    const coordinator = fork(COORDINATOR, [JSON.stringify(task)], { execArgv: ['--expose-gc'] });
    children.push(coordinator);
    const cpu = () => ({
      server: cpuMsOf(server.pid),
      workers: workers.reduce((sum, { pid }) => sum + cpuMsOf(pid!), 0),
    });
    await messageOf<FromCoordinator>(coordinator);
    const before = cpu();
    await messageOf<FromCoordinator>(coordinator);
    const after = cpu();
    const told = await messageOf<FromCoordinator>(coordinator);
    if (!('figures' in told)) throw new Error('the coordinator must tell its figures last');
    const slowest = new Map<number, number>();
    for (const child of workers) {
      child.send('report');
      const report = await messageOf<FromWorkers>(child);
      if (!('slowest' in report)) throw new Error('workers must tell their slowest windows last');
      for (const [round, ms] of report.slowest) slowest.set(round, Math.max(ms, slowest.get(round) ?? 0));
    }
    await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')));
    return {
      ...told.figures,
      scenario,
      serverCpuMs: after.server - before.server,
      workersCpuMs: after.workers - before.workers,
      slowestMs: told.figures.roundMs.map((_, index) => slowest.get(told.figures.firstRound + index)!),
    };
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await server.stop();
    rmSync(store, { recursive: true, force: true });
  }
}

/** The next message of a process; throws where it ends before. */
function messageOf<Message>(child: ChildProcess): Promise<Message> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`a process of the measurement ended with ${code}`));
    child.once('exit', onExit);
    child.once('message', (message) => {
      child.off('exit', onExit);
      resolve(message as Message);
    });
  });
}
