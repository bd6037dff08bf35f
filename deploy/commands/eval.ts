/** `lopt eval`: φ against hand-designed optimizers, tuned on the training distribution. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ComparedOptimizer } from '../../coordinator/comparison.js';
import { checkNumber } from '../../shared/check.js';
import type { RunConfig } from '../../shared/config.js';
import { writeFileWhole } from '../../shared/files.js';
import { readPhi } from '../../shared/phi-file.js';
import { Pool } from '../../worker/pool.js';
import type { ProblemFamily, Problems } from '../../worker/problems/problem.js';
import { familyFor } from '../../worker/problems/registry.js';
import { compareOnPool, tableOf, verdictOf } from '../compare.js';
import { RunFolder } from '../run-folder.js';
import { configure, type Flags, problemFlags, threadsOf } from '../train-flags.js';
import { type Command, EXIT } from './command.js';

const TASK = 'Cannot evaluate';
const DEFAULT_PROBLEM = 'quadratic';

export const evaluate: Command = {
  name: 'eval',
  usage: 'eval <phi> [problem]',
  summary: 'hold φ against hand-designed optimizers, each at its best learning rates',
  flags: {
    functions: 'fresh functions to compare on (default: 10000, fewer where functions are large)',
    'tune-functions': 'functions of the training distribution to tune learning rates on',
    horizon: 'steps of every optimizer (default 100)',
    seed: 'what the functions are drawn from (default 0)',
    json: 'write the figures to this file',
    threads: 'threads that compute (default: all processors)',
    engine: 'what computes the learned optimizer: wasm or reference',
  },
  switches: { strict: 'no fused multiply-add: the same bits on any processor' },
  problemOptions: true,
  run: runEval,
};

async function runEval(positionals: Readonly<Record<string, string | undefined>>, flags: Flags): Promise<number> {
  const count = (name: string) =>
    flags[name] === undefined ? undefined : checkNumber(TASK, name, flags[name], { integer: true, minimum: 1 });
  const functions = count('functions');
  const tuneFunctions = count('tune-functions');
  const threads = threadsOf(TASK, flags);
  const path = positionals['phi']!;
  const phiFile = readPhi(path);
  const trained = trainedOn(path);
  const problem = positionals['problem'] ?? trained?.problem ?? DEFAULT_PROBLEM;
  const options = trained && trained.problem === problem ? inheritedOptions(trained, flags) : {};
  const { json: jsonPath, functions: _functions, 'tune-functions': _tune, threads: _threads, ...rest } = flags;
  const horizon = rest['horizon'] ?? trained?.horizon;
  const configured = await configure(
    TASK,
    problem,
    { ...options, ...rest, ...(horizon === undefined ? {} : { horizon }) },
    phiFile,
  );
  const pool = new Pool(threads);
  try {
    const { rows, functions: compared } = await compareAndPrint({
      ...configured,
      phi: phiFile.phi,
      pool,
      seed: configured.config.seed,
      functions,
      tuneFunctions,
    });
    if (jsonPath !== undefined) {
      const report = { functions: compared, horizon: configured.config.horizon, optimizers: rows };
      writeFileWhole(String(jsonPath), `${JSON.stringify(report, null, 2)}\n`);
    }
  } finally {
    await pool.close();
  }
  return EXIT.done;
}

/** The configuration of the run whose folder φ lies in. */
function trainedOn(path: string): RunConfig | undefined {
  const folder = new RunFolder(dirname(path));
  return existsSync(`${folder.path}/config.json`) ? folder.open().config : undefined;
}

/** The options of the run's problem as flags, but for those that the problem does not have with the flags given. */
function inheritedOptions({ problem, problemOptions }: RunConfig, flags: Flags): Flags {
  const { options } = familyFor(problem, { ...problemOptions, ...problemFlags(flags) });
  const kept = Object.entries(problemOptions).filter(([name]) => Object.hasOwn(options, name));
  return Object.fromEntries(kept.map(([name, value]) => [`problem.${name}`, value]));
}

/** What is compared. */
interface ComparisonRequest {
  config: RunConfig;
  family: ProblemFamily;
  problems: Problems;
  phi: Float32Array;
  pool: Pool;
  seed: number;
  functions?: number | undefined;
  tuneFunctions?: number | undefined;
}

/** Compares and prints the table with its verdict. */
export async function compareAndPrint(
  request: ComparisonRequest,
): Promise<{ rows: ComparedOptimizer[]; functions: number }> {
  const { config, problems, phi, pool, seed } = request;
  // so many functions that a comparison takes a minute or so, be they of 10 parameters or of 16 000
  const small = problems.coordinates <= 1000;
  const { functions = small ? 10_000 : 200, tuneFunctions = small ? 1000 : 32 } = request;
  process.stdout.write(
    `Comparing on ${functions} fresh functions of ${config.problem}, ${config.horizon} steps; learning rates tuned on ${tuneFunctions} others.\n`,
  );
  const onRow = process.stdout.isTTY
    ? (row: ComparedOptimizer) => process.stdout.write(`\r\x1b[2K${row.name}`)
    : undefined;
  const chunk = small ? 64 : 1;
  const rows = await compareOnPool({
    config,
    phi,
    pool,
    functions,
    tuneFunctions,
    chunk,
    seed,
    ...(onRow ? { onRow } : {}),
  });
  process.stdout.write(`${process.stdout.isTTY ? '\r\x1b[2K' : ''}\n${tableOf(rows)}\n\n${verdictOf(rows)}\n`);
  return { rows, functions };
}
