/** `lopt bench`: how fast this machine computes windows. */

import { DEFAULT_ARCHITECTURE } from '../../shared/architectures/registry.js';
import { checkNumber } from '../../shared/check.js';
import { UsageError } from '../../shared/errors.js';
import { DEFAULT_ESTIMATOR } from '../../shared/estimators/registry.js';
import { writeFileWhole } from '../../shared/files.js';
import { usualEstimator } from '../../shared/options/resolve.js';
import { isSeveral } from '../../worker/problems/alternatives.js';
import { measureBench, WINDOW } from '../run/bench.js';
import { EXIT } from '../run/exit.js';
import { MODULE_FLAG, problemOf } from '../run/problem-module.js';
import { configure, type Flags, threadsOf } from '../run/train-flags.js';
import type { Command } from './command.js';
import { someOptions, standardsOf } from './flags.js';

const TASK = 'Cannot measure';

/** Options for which no family is asked: windows of the same kind are measured on all problems. */
const PLAIN = ['unroll', 'second-derivatives'] as const;

export const bench: Command = {
  name: 'bench',
  usage: 'bench [problem]',
  summary: 'measure coordinate-steps a second of the kernel, of windows and of rounds',
  flags: {
    threads: 'threads of the rounds (default: all processors, or one for a GPU)',
    seconds: 'seconds of each measurement (default 2)',
    json: 'write the figures to this file',
    ...MODULE_FLAG,
  },
  switches: {},
  options: () =>
    someOptions(
      { groups: ['architecture', 'engine'], names: ['problems', 'shards', 'horizon', 'estimator', ...PLAIN] },
      { ...standardsOf(PLAIN), shards: 'one a thread' },
    ),
  problemOptions: true,
  run: runBench,
};

async function runBench(positionals: Readonly<Record<string, string | undefined>>, flags: Flags): Promise<number> {
  const { threads: _threads, seconds: givenSeconds, json, ...rest } = flags;
  const seconds =
    givenSeconds === undefined ? 2 : checkNumber(TASK, 'seconds', givenSeconds, { minimum: 0, exclusive: true });
  const problem = (await problemOf(TASK, flags, positionals['problem'])) ?? 'quadratic';
  const own = threadsOf(TASK, flags);
  const { architecture = DEFAULT_ARCHITECTURE } = rest;
  const { estimator = usualEstimator(String(architecture)) } = rest;
  const plain = standardsOf(estimator === DEFAULT_ESTIMATOR ? PLAIN : ['unroll']);
  const configured = await configure(TASK, problem, { shards: own, ...plain, ...rest });
  const threads = threadsOf(TASK, flags, configured.config.engine);
  const { config, problems } = configured;
  if (problems.mixture) {
    const { problemOptions } = config;
    const several = Object.entries(problemOptions).find(([name, value]) =>
      isSeveral(configured.family.options[name], value),
    );
    throw new UsageError(
      problem === 'mix' || !several
        ? `${TASK}: "problem" must be one family, since the families of a mix differ in what they compute, got "${problem}"`
        : `${TASK}: "problem.${several[0]}" must be one value, since networks differ in what they compute, got "${several[1]}"`,
    );
  }
  const { rows, roundsPerSecond, coordinatorShare, peak } = await measureBench({ config, problems, threads, seconds });
  process.stdout.write(
    `${problem}, engine ${config.engine}: ${config.shards} shards of ${config.problems} problems of ${problems.coordinates} coordinates, ` +
      `${config.unroll} steps a window\n\n`,
  );
  process.stdout.write(`${'measured'.padEnd(24)}threads  million coordinate-steps/s   GFLOP/s  of peak\n`);
  for (const { what, threads: used, coordinateStepsPerSecond, gigaflopsPerSecond, peakShare } of rows) {
    const rate = (coordinateStepsPerSecond / 1e6).toFixed(3);
    const share = peakShare === undefined ? '-' : `${(100 * peakShare).toFixed(0)} %`;
    process.stdout.write(
      `${what.padEnd(24)}${String(used).padStart(7)}${rate.padStart(29)}${gigaflopsPerSecond.toFixed(1).padStart(10)}${share.padStart(9)}\n`,
    );
  }
  const whole = rows.find(({ what }) => what === WINDOW)!;
  const coordinates = config.problems * problems.coordinates;
  const milliseconds = (1000 * coordinates * config.unroll) / whole.coordinateStepsPerSecond;
  process.stdout.write(`\na window of ${coordinates} coordinates with gradients takes ${milliseconds.toFixed(1)} ms\n`);
  process.stdout.write(
    `${roundsPerSecond.toFixed(1)} rounds/s; the coordinator's own work takes ${(100 * coordinatorShare).toFixed(1)} % of a round\n`,
  );
  if (peak !== undefined) {
    process.stdout.write(`a thread does ${peak.toFixed(0)} GFLOP/s of independent multiply-adds: that is its peak\n`);
  }
  if (json !== undefined) {
    const report = { problem, config, threads, rows, roundsPerSecond, coordinatorShare, peak };
    writeFileWhole(String(json), `${JSON.stringify(report, null, 2)}\n`);
  }
  return EXIT.done;
}
