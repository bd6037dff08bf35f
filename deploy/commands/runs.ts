/** `lopt status` and `lopt stop`: the runs on a NATS server. */
import { checkNumber } from '../../shared/check.js';
import { UsageError } from '../../shared/errors.js';
import { JetStreamHistory } from '../../shared/journal/jetstream-history.js';
import { createLogger } from '../../shared/logger.js';
import { JetStream } from '../../shared/nats/jetstream.js';
import { NatsLink } from '../../shared/nats/link.js';
import { type ListedRun, RunRegistry } from '../../shared/nats/run-registry.js';
import { writePhi } from '../../shared/phi-file.js';
import { checkToken, runSubjects } from '../../shared/subjects.js';
import { NATS_FLAGS, natsFlags } from '../cluster/flags.js';
import { EXIT } from '../run/exit.js';
import type { Flags } from '../run/train-flags.js';
import type { Command } from './command.js';

/** A beat that is older is that of a coordinator that is gone. */
const SILENT_MS = 10_000;
const DEFAULT_TIMEOUT = 5;

/** The flag of the commands that ask a server something. */
const TIMEOUT_FLAG = {
  timeout: `seconds that the server may take to connect, and to answer (default ${DEFAULT_TIMEOUT})`,
} as const;

export const status: Command = {
  name: 'status',
  usage: 'status [run]',
  summary: 'list the runs on a NATS server; fetch the φ of one',
  flags: { ...NATS_FLAGS, ...TIMEOUT_FLAG, phi: 'write the newest φ of the run to this file' },
  switches: { json: 'as JSON' },
  problemOptions: false,
  run: (positionals, flags) =>
    withRegistry('Cannot list runs', flags, (server) => list(positionals['run'], flags, server)),
};

export const stop: Command = {
  name: 'stop',
  usage: 'stop <run>',
  summary: 'end a run on a NATS server: its coordinator finishes the round and saves',
  flags: { ...NATS_FLAGS, ...TIMEOUT_FLAG },
  switches: { delete: 'delete all that the server holds of it, too' },
  problemOptions: false,
  run: (positionals, flags) =>
    withRegistry('Cannot stop a run', flags, (server) => end(positionals['run']!, flags, server)),
};

/** A server's runs. */
interface Server {
  jetStream: JetStream;
  registry: RunRegistry;
  prefix: string;
}

async function withRegistry(task: string, flags: Flags, work: (server: Server) => Promise<void>): Promise<number> {
  const { nats, prefix } = natsFlags(task, flags);
  const seconds = checkNumber(task, 'timeout', flags['timeout'] ?? DEFAULT_TIMEOUT, { minimum: 0.1, maximum: 3600 });
  const timeoutMs = 1000 * seconds;
  const logger = createLogger({ format: 'text', write: (text) => process.stderr.write(text) });
  const link = await NatsLink.connect({ nats, name: 'lopt', logger, connectMs: timeoutMs });
  try {
    const jetStream = await JetStream.open(link, { logger, answerMs: timeoutMs, silenceMs: timeoutMs });
    await work({ jetStream, registry: await RunRegistry.open(jetStream, { prefix }), prefix });
  } finally {
    // all that was sent has been answered, or never will be
    await link.cut();
  }
  return EXIT.done;
}

async function list(named: string | undefined, flags: Flags, { jetStream, registry, prefix }: Server): Promise<void> {
  const runs = named === undefined ? await registry.list() : [await found(registry, named)];
  if (flags['phi'] !== undefined) {
    const [run] = runs;
    if (named === undefined || !run) throw new UsageError('Cannot fetch φ: a run must be named beside --phi');
    // of a sweep that of the best trial
    const best = run.beat?.sweep?.best;
    const member = best?.member ?? run.config.member;
    const newest = await new JetStreamHistory({ jetStream, subjects: runSubjects(named, prefix), member }).latest();
    if (!newest) throw new UsageError(`Cannot fetch φ: run ${named} has not begun`);
    const architecture = best ? best.architecture : run.config.architecture;
    if (!architecture) {
      throw new UsageError(
        `Cannot fetch φ: the architecture of trial ${best!.trial}, the best of the sweep, must be known to its coordinator, which has not run it; its folder has φ too`,
      );
    }
    writePhi(String(flags['phi']), architecture, newest.phi);
    process.stdout.write(`φ of round ${newest.round}: ${String(flags['phi'])}\n`);
    return;
  }
  if (flags['json'] === true) {
    process.stdout.write(
      `${JSON.stringify(
        runs.map((run) => ({ ...run, state: stateOf(run) })),
        null,
        2,
      )}\n`,
    );
    return;
  }
  if (runs.length === 0) process.stdout.write('The server holds no run.\n');
  for (const run of runs) process.stdout.write(`${lineOf(run)}\n`);
}

async function found(registry: RunRegistry, name: string): Promise<ListedRun> {
  const run = await registry.find(checkToken('Cannot find the run', 'run', name));
  if (run) return run;
  const names = (await registry.list()).map((listed) => listed.run);
  throw new UsageError(`Cannot find run ${name}: the server holds ${names.length === 0 ? 'none' : names.join(', ')}`);
}

/** How a run is doing, in a word or two. */
function stateOf({ beat }: ListedRun): string {
  if (!beat) return 'not begun';
  const silent = beat.state === 'running' && Date.now() - Date.parse(beat.at) > SILENT_MS;
  return silent ? 'without a coordinator' : beat.state;
}

function lineOf(run: ListedRun): string {
  const { beat, config } = run;
  const parts = [run.run, config.problem, stateOf(run)];
  if (beat?.sweep) {
    const { running, done, trials, best } = beat.sweep;
    parts.push(`${running} of ${trials} trials running, ${done} done`);
    if (best) parts.push(`best ${best.value.toPrecision(4)} (trial ${best.trial})`);
    parts.push(`${beat.workers} worker${beat.workers === 1 ? '' : 's'}`);
  } else if (beat) {
    parts.push(`round ${beat.round}${beat.plannedRounds > 0 ? `/${beat.plannedRounds}` : ''}`);
    parts.push(`${beat.workers} worker${beat.workers === 1 ? '' : 's'}`, `term ${beat.term}`);
    if (beat.checked) parts.push(`${beat.checked} checked by a second worker`);
  }
  return parts.join('  ');
}

async function end(name: string, flags: Flags, { registry }: Server): Promise<void> {
  const run = await found(registry, name);
  if (stateOf(run) === 'running') {
    await registry.requestStop(name);
    process.stdout.write(`Run ${name} ends after its round.\n`);
    await gone(registry, name);
  }
  if (flags['delete'] !== true) return;
  await registry.remove(name);
  process.stdout.write(`All that the server held of run ${name} is deleted.\n`);
}

/** Waits until a run's coordinator says that it has ended, or says nothing any more. */
async function gone(registry: RunRegistry, name: string): Promise<void> {
  for (;;) {
    const run = await registry.find(name);
    if (!run || stateOf(run) !== 'running') return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
