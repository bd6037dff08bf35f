/** Measures the speed of windows: the kernel alone, whole windows, and whole rounds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { architectureOf } from '../../shared/architectures/registry.js';
import { initialPhiOf, type RunConfig } from '../../shared/config.js';
import { estimatorOf } from '../../shared/estimators/registry.js';
import { silentLogger } from '../../shared/logger.js';
import { deriveKey } from '../../shared/random.js';
import type { Engine } from '../../worker/engines/engine.js';
import { type Derivatives, ENGINES } from '../../worker/engines/select.js';
import { closedFormsOf, gradientOf, hessianOf } from '../../worker/problems/derivatives/derivatives.js';
import type { Gradient, HessianProduct, Problems } from '../../worker/problems/problem.js';
import { trainEmbedded } from './embedded.js';
import { peakOf } from './peak.js';
import { CPU_ENGINES } from './train-flags.js';

/** Name of the row for whole windows. */
export const WINDOW = 'window with gradients';

/** One measured rate. */
export interface BenchRow {
  what: string;
  threads: number;
  /** One coordinate-step is the work for one coordinate and one inner step. */
  coordinateStepsPerSecond: number;
  gigaflopsPerSecond: number;
  /** Of what as many threads could do at most; undefined for a device other than the CPU, or if that is not known. */
  peakShare?: number;
}

/** What to measure. */
export interface BenchOptions {
  config: RunConfig;
  problems: Problems;
  threads: number;
  /** Seconds per measurement. */
  seconds: number;
}

/** The rates, with the coordinator's share of the time of the rounds. */
export interface BenchReport {
  rows: BenchRow[];
  roundsPerSecond: number;
  coordinatorShare: number;
  /** GFLOP/s of independent multiply-adds on one thread; undefined if that could not be measured. */
  peak?: number;
}

/** Measures forward, backward and window in this thread, then rounds on the pool. */
export async function measureBench(options: BenchOptions): Promise<BenchReport> {
  const { config, problems, threads, seconds } = options;
  const coordinates = config.problems * problems.coordinates;
  const flops = architectureOf(config.architecture).flops(config.architecture);
  const { backward, trajectories } = estimatorOf(config.estimator).needs(config.estimator);
  const both = flops.forward + (backward ? flops.backward : 0);
  const onCpu = CPU_ENGINES.includes(config.engine);
  const peak = onCpu ? await peakOf(1) : undefined;
  const peakOfAll = threads === 1 || peak === undefined ? peak : await peakOf(threads);
  const share = (used: number, gigaflops: number) => {
    const most = used === 1 ? peak : peakOfAll;
    return most === undefined ? {} : { peakShare: gigaflops / most };
  };
  const row = (what: string, used: number, rate: number, flop: number): BenchRow => ({
    what,
    threads: used,
    coordinateStepsPerSecond: rate,
    gigaflopsPerSecond: (rate * flop) / 1e9,
    ...share(used, (rate * flop) / 1e9),
  });

  // the kernel alone: gradients that cost nothing but are never zero
  const pattern = new Float32Array(coordinates).map((_, i) => Math.sin(i + 1));
  const idle: Gradient = (_theta, _batch, _step, gradient, losses) => {
    gradient.set(pattern);
    losses.fill(0);
  };
  // for tensors, one operation and its gradient
  const idleProblems: Problems = { ...problems, loss: (tf, theta) => tf.sum(theta, 1) };
  const derivatives = { gradient: async () => idle, hessian: async () => noCurvature };
  const kernel = await createEngine(config, idleProblems, derivatives);
  const kinds = backward ? [{ forwardOnly: true }, { forwardOnly: false }] : [{ forwardOnly: true }];
  const [forward, window] = (await ratesOf(kernel, config, coordinates, seconds, kinds)) as [number, number?];
  kernel.close();
  const rows = [row('kernel, forward', 1, forward, flops.forward)];
  if (window !== undefined) {
    rows.push(
      row('kernel, backward', 1, 1 / (1 / window - 1 / forward), flops.backward),
      row('kernel, window', 1, window, both),
    );
  }
  const whole = await createEngine(config, problems, {
    gradient: () => gradientOf(problems, closedFormsOf(config)),
    hessian: () => hessianOf(problems, closedFormsOf(config)),
  });
  const [rate] = await ratesOf(whole, config, coordinates, seconds, [{ forwardOnly: !backward }]);
  rows.push(row(WINDOW, 1, rate!, both));
  whole.close();
  const rounds = await measureRounds(options, trajectories * coordinates);
  rows.push(row(`rounds of ${config.shards} shards`, threads, rounds.rate, both));
  return {
    rows,
    roundsPerSecond: rounds.roundsPerSecond,
    coordinatorShare: rounds.coordinatorShare,
    ...(peak === undefined ? {} : { peak }),
  };
}

/** H·v of problems whose gradient does not change. */
const noCurvature: HessianProduct = (_theta, _vector, _batch, _step, product) => {
  product.fill(0);
};

function createEngine(config: RunConfig, problems: Problems, derivatives: Derivatives): Promise<Engine> {
  const { architecture, estimator, strict } = config;
  const { secondDerivatives } = estimatorOf(estimator).needs(estimator);
  return ENGINES.get(config.engine)!.create({ architecture, problems, derivatives, strict, secondDerivatives });
}

/**
 * Coordinate-steps per second for each kind of window: medians over windows whose kinds take turns, so that other load
 * on the machine affects all kinds alike.
 */
async function ratesOf(
  engine: Engine,
  config: RunConfig,
  coordinates: number,
  seconds: number,
  kinds: readonly { forwardOnly: boolean }[],
): Promise<number[]> {
  const key = deriveKey({ seed: config.seed, member: 0, shard: 0, episode: 0, purpose: 'train' });
  const phi = new Float32Array(initialPhiOf(config));
  let state = await engine.begin({ key, count: config.problems, split: 'train', resident: true });
  const times = kinds.map((): number[] => []);
  const until = performance.now() + 1000 * seconds * kinds.length;
  while (performance.now() < until || times[0]!.length < 3) {
    for (const [index, { forwardOnly }] of kinds.entries()) {
      const start = performance.now();
      state = (
        await engine.window({ phi, state, steps: config.unroll, horizon: config.horizon, forwardOnly, resident: true })
      ).state;
      times[index]!.push(performance.now() - start);
    }
  }
  return times.map((own) => (1000 * coordinates * config.unroll) / median(own));
}

async function measureRounds({ config, threads, seconds }: BenchOptions, coordinates: number) {
  const folder = mkdtempSync(join(tmpdir(), 'lopt-bench-'));
  const stop = new AbortController();
  const ends: number[] = [];
  const coordinator: number[] = [];
  let startedAt = 0;
  try {
    await trainEmbedded({
      folder,
      threads,
      // no evaluation within the measured rounds
      config: { ...config, evaluateEvery: 2 ** 30, evaluateFunctions: 1 },
      phi: initialPhiOf(config),
      goal: { rounds: 2 ** 30 },
      logger: silentLogger,
      signal: stop.signal,
      observer: {
        round(_record, { coordinatorSeconds }) {
          const now = performance.now();
          startedAt ||= now;
          ends.push(now);
          coordinator.push(coordinatorSeconds);
          if (now - startedAt > 2000 * seconds && ends.length > 8) stop.abort();
        },
      },
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  // the first half is the warm-up
  const half = ends.length >> 1;
  const elapsed = (ends.at(-1)! - ends[half]!) / 1000;
  const rounds = ends.length - 1 - half;
  const work = coordinator.slice(half + 1).reduce((sum, value) => sum + value, 0);
  return {
    roundsPerSecond: rounds / elapsed,
    rate: (rounds * config.shards * coordinates * config.unroll) / elapsed,
    coordinatorShare: work / elapsed,
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
