/** `npm run bench`: the same windows by lopt and by JAX, side by side. JAX is only needed for the comparison. */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { measureBench } from '../../deploy/run/bench.js';
import { configure } from '../../deploy/run/train-flags.js';

// from dist/test/bench
const SCRIPT = fileURLToPath(new URL('../../../test/bench/peers/window_jax.py', import.meta.url));
const UNROLL = 20;
const THREADS = availableParallelism();

/** The same number of coordinates on both sides: lopt's shards are JAX's one batch. */
const CASES = [
  { problem: 'quadratic', shards: 2, problems: 64, second: false },
  { problem: 'mlp', shards: 2, problems: 1, second: false },
  { problem: 'quadratic', shards: 2, problems: 64, second: true },
  { problem: 'mlp', shards: 2, problems: 1, second: true },
] as const;

interface PeerResult {
  coordinate_steps_per_second: number;
  jax: string;
}

/** JAX's rate on all processors; a sentence where it cannot be measured. */
function measureJax(problem: string, problems: number, second: boolean): PeerResult | string {
  const args = [
    SCRIPT,
    '--problem',
    problem,
    '--problems',
    String(problems),
    '--unroll',
    String(UNROLL),
    '--repeat',
    '9',
    ...(second ? ['--second-derivatives'] : []),
  ];
  const { error, status, stdout, stderr } = spawnSync('python3', args, { encoding: 'utf8', timeout: 300_000 });
  if (error) return `python3 could not be started: ${error.message}`;
  if (status !== 0) return stderr.trim().split('\n').at(-1) ?? `python3 ended with ${status}`;
  return JSON.parse(stdout) as PeerResult;
}

process.stdout.write(
  `${THREADS} threads, ${UNROLL} steps a window, LSTM 20,20 with LogAndSign; million coordinate-steps/s\n\n`,
);
for (const { problem, shards, problems, second } of CASES) {
  const { config, problems: configured } = await configure('Cannot measure', problem, {
    shards,
    problems,
    unroll: UNROLL,
    'second-derivatives': second,
  });
  const { rows, coordinatorShare } = await measureBench({ config, problems: configured, threads: THREADS, seconds: 3 });
  process.stdout.write(
    `${problem}, ${shards} shards of ${problems}, engine ${config.engine}, second derivatives ${second ? 'kept' : 'dropped'}\n`,
  );
  for (const { what, threads, coordinateStepsPerSecond, gigaflopsPerSecond } of rows) {
    const rate = (coordinateStepsPerSecond / 1e6).toFixed(3);
    process.stdout.write(
      `  ${what.padEnd(24)}${threads} threads  ${rate}  (${gigaflopsPerSecond.toFixed(1)} GFLOP/s)\n`,
    );
  }
  process.stdout.write(`  the coordinator's own work: ${(100 * coordinatorShare).toFixed(1)} % of a round\n`);
  const peer = measureJax(problem, shards * problems, second);
  if (typeof peer === 'string') {
    process.stdout.write(`  JAX was not measured: ${peer}\n\n`);
    continue;
  }
  const ratio = rows.at(-1)!.coordinateStepsPerSecond / peer.coordinate_steps_per_second;
  const rate = (peer.coordinate_steps_per_second / 1e6).toFixed(3);
  process.stdout.write(
    `  JAX ${peer.jax}, same windows    ${rate}; lopt's rounds are ${ratio.toFixed(2)} times as fast\n\n`,
  );
}

// the same 128 problems a round, in smaller shards and shorter windows, and a round of only two such shards
const pace = async (flags: Record<string, number>): Promise<number> => {
  const given = { ...flags, 'second-derivatives': false };
  const { config, problems } = await configure('Cannot measure', 'quadratic', given);
  const { rows } = await measureBench({ config, problems, threads: THREADS, seconds: 3 });
  return rows.at(-1)!.coordinateStepsPerSecond;
};
const large = await pace({ shards: 2, problems: 64, unroll: UNROLL });
for (const shards of [8, 2]) {
  const share = (await pace({ shards, problems: 16, unroll: 5 })) / large;
  process.stdout.write(
    `${shards} shards of 16 problems at 5 steps: ${(100 * share).toFixed(0)} % of the large shards' pace\n`,
  );
}
