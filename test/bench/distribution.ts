/**
 * `npm run bench:distribution`: what distribution costs on one machine. Trains embedded with two threads, and by `lopt up`
 * with two workers of one thread, in turn, and compares their rounds a second. Other load on the machine falls on both:
 * each ratio is of two neighbours.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from './median.js';
import { cpuMsOfTree } from './process-times.js';

const CLI = fileURLToPath(new URL('../../deploy/cli.js', import.meta.url));

const WAYS = {
  embedded: ['train', 'quadratic', '--threads', '2'],
  distributed: ['up', 'quadratic', '--workers', '2', '--threads', '1'],
} as const;

/** Two shards of 64 quadratics at K = 20. No evaluation falls into what is measured. */
const SHAPE =
  '--second-derivatives=false --shards 2 --problems 64 --unroll 20 --evaluate-every 1000000 --evaluate-functions 1 --rounds 1000000';
/** Kernels are compiled, and workers have come. */
const WARM_ROUNDS = 100;
const POLL_MS = 20;

interface Pace {
  roundsPerSecond: number;
  /** Of all processors and processes, in a round. */
  cpuMs: number;
}

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '6' },
    seconds: { type: 'string', default: '8' },
    // share of the work that both workers compute; without it, lopt's own
    'double-check': { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);

/** Rounds that stand in a run's metrics, and when they were counted. */
function roundsIn(folder: string): { rounds: number; at: number } {
  let text = '';
  try {
    text = readFileSync(join(folder, 'metrics.jsonl'), 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return { rounds: text.match(/^\{"round":/gm)?.length ?? 0, at: performance.now() };
}

/** Trains for a while; start and end do not count. */
async function paceOf(way: keyof typeof WAYS): Promise<Pace> {
  const folder = mkdtempSync(join(tmpdir(), 'lopt-bench-'));
  const share = values['double-check'];
  const checked = way === 'embedded' || share === undefined ? [] : ['--double-check', share];
  const child = spawn(process.execPath, [CLI, ...WAYS[way], ...checked, ...SHAPE.split(' '), '--out', folder], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  let code: number | null | undefined;
  const ended = new Promise<void>((resolve) => {
    child.on('close', (value) => {
      code = value;
      resolve();
    });
  });
  try {
    /** Waits for so many more rounds and milliseconds; that no round is cut, it ends where a round has ended. */
    const measure = async (rounds: number, ms: number) => {
      const from = roundsIn(folder);
      for (let last = from; ; last = roundsIn(folder)) {
        if (code !== undefined) throw new Error(`the ${way} run ended with ${code}`);
        if (last.rounds >= from.rounds + rounds && last.at >= from.at + ms) return { ...last, cpuMs: cpu() };
        await pause(POLL_MS);
      }
    };
    const cpu = () => cpuMsOfTree(child.pid!);
    const start = await measure(WARM_ROUNDS, 0);
    const end = await measure(1, 1000 * seconds);
    const rounds = end.rounds - start.rounds;
    return { roundsPerSecond: (1000 * rounds) / (end.at - start.at), cpuMs: (end.cpuMs - start.cpuMs) / rounds };
  } finally {
    child.kill('SIGINT');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

const pairs: Record<keyof typeof WAYS, Pace>[] = [];
const load = loadavg()[0]!;
for (let pair = 0; pair < Number(values.pairs); pair++) {
  // the first of a pair takes turns, too: load that rises or falls favours neither
  const order = pair % 2 === 0 ? (['embedded', 'distributed'] as const) : (['distributed', 'embedded'] as const);
  const paces: Partial<Record<keyof typeof WAYS, Pace>> = {};
  for (const way of order) paces[way] = await paceOf(way);
  pairs.push(paces as Required<typeof paces>);
}
const ratios = pairs.map(({ embedded, distributed }) => distributed.roundsPerSecond / embedded.roundsPerSecond);
const figure = (way: keyof typeof WAYS, what: keyof Pace) => median(pairs.map((pair) => pair[way][what]));
if (values.json) {
  process.stdout.write(`${JSON.stringify({ pairs, ratios, load: [load, loadavg()[0]] })}\n`);
} else {
  process.stdout.write('2 shards of 64 quadratics, K = 20        rounds/s   processor ms a round\n');
  for (const way of ['embedded', 'distributed'] as const) {
    const [rate, cpuMs] = [figure(way, 'roundsPerSecond'), figure(way, 'cpuMs')];
    const words = `lopt ${WAYS[way].join(' ')}`;
    process.stdout.write(`${words.padEnd(38)}${rate.toFixed(1).padStart(11)}${cpuMs.toFixed(1).padStart(23)}\n`);
  }
  const percent = (ratio: number) => `${(100 * ratio).toFixed(0)} %`;
  process.stdout.write(
    `distributed over embedded, median of ${ratios.length} pairs: ${percent(median(ratios))} ` +
      `(${percent(Math.min(...ratios))} to ${percent(Math.max(...ratios))}); load average ${load.toFixed(1)} before\n`,
  );
}
