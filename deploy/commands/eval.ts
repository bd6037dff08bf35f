/** `lopt eval`: φ against hand-designed optimizers, tuned on the training distribution. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { evaluationPage } from '../../coordinator/report/evaluation-page.js';
import { type EvaluationReport, writeEvaluation } from '../../coordinator/report/evaluation-report.js';
import { checkNumber } from '../../shared/check.js';
import type { RunConfig } from '../../shared/config.js';
import { writeFileWhole } from '../../shared/files.js';
import { readPhi } from '../../shared/phi-file.js';
import { typicalHorizon } from '../../shared/timeline.js';
import { Pool } from '../../worker/pool.js';
import { familyFor } from '../../worker/problems/registry.js';
import { compareAndPrint } from '../run/compare-run.js';
import { EXIT } from '../run/exit.js';
import { phiFileAt } from '../run/named-phi.js';
import { PRETRAINED_NAMES, pretrained } from '../run/pretrained.js';
import { MODULE_FLAG, problemOf } from '../run/problem-module.js';
import { evaluateCommand } from '../run/repeat.js';
import { RunFolder, type StoredRun } from '../run/run-folder.js';
import { writeCurves } from '../run/run-report.js';
import { configure, type Flags, problemFlags, problemFlagsOf, threadsOf } from '../run/train-flags.js';
import type { Command } from './command.js';
import { someOptions } from './flags.js';

const TASK = 'Cannot evaluate';
const DEFAULT_PHI = 'quadratic';
const DEFAULT_PROBLEM = 'quadratic';

export const evaluate: Command = {
  name: 'eval',
  usage: 'eval [phi] [problem]',
  summary: `hold φ, a file, a run's folder or one of ${PRETRAINED_NAMES.join(', ')}, against hand-designed optimizers at their best rates`,
  flags: {
    functions: 'fresh functions to compare on (default: 10000, fewer where functions are large)',
    'tune-functions': 'functions of the training distribution to tune learning rates on',
    json: 'write the figures to this file',
    report: 'write a page with learning curves and table to this HTML file',
    svg: 'write the learning curves to this file',
    threads: 'threads that compute (default: all processors, or one for a GPU)',
    ...MODULE_FLAG,
  },
  switches: {},
  options: () =>
    someOptions({ groups: ['engine'], names: ['seed', 'horizon'] }, { horizon: "that of φ's run, or of the problem" }),
  problemOptions: true,
  run: runEval,
};

async function runEval(positionals: Readonly<Record<string, string | undefined>>, flags: Flags): Promise<number> {
  const count = (name: string) =>
    flags[name] === undefined ? undefined : checkNumber(TASK, name, flags[name], { integer: true, minimum: 1 });
  const functions = count('functions');
  const tuneFunctions = count('tune-functions');
  const steps = count('horizon');
  threadsOf(TASK, flags);
  const named = positionals['phi'] ?? DEFAULT_PHI;
  const ready = pretrained(named);
  const path = ready?.path ?? phiFileAt(TASK, named);
  const phiFile = readPhi(path);
  const run = ready ? undefined : runOf(path);
  const trained = run?.config;
  const problem = (await evaluatedProblem(positionals['problem'], flags, run)) ?? ready?.problem ?? DEFAULT_PROBLEM;
  const own =
    (ready?.problem === problem && ready.options) || (trained?.problem === problem && inheritedOptions(trained, flags));
  const options = own || {};
  const { json, report: page, svg, functions: _functions, 'tune-functions': _tune, threads: _threads, ...rest } = flags;
  const horizon = steps ?? (trained && typicalHorizon(trained));
  const configured = await configure(
    TASK,
    problem,
    { ...options, ...rest, ...(horizon === undefined ? {} : { horizon }) },
    phiFile,
  );
  const pool = new Pool(threadsOf(TASK, flags, configured.config.engine));
  let report: EvaluationReport;
  try {
    report = await compareAndPrint({ ...configured, phiFile, pool, functions, tuneFunctions });
  } finally {
    await pool.close();
  }
  if (json !== undefined) writeEvaluation(String(json), report);
  if (page !== undefined) {
    const command = evaluateCommand(named, positionals['problem'], rest, report);
    writeFileWhole(String(page), await evaluationPage(report, command));
  }
  if (svg !== undefined) await writeCurves(report, String(svg));
  return EXIT.done;
}

/** The run whose folder φ lies in. */
function runOf(path: string): StoredRun | undefined {
  const folder = new RunFolder(dirname(path));
  return existsSync(`${folder.path}/config.json`) ? folder.open() : undefined;
}

/** The problem that is named, by itself or by its module; else the run's own, from the module that it was trained with. */
function evaluatedProblem(
  named: string | undefined,
  flags: Flags,
  run: StoredRun | undefined,
): Promise<string | undefined> {
  const trained = run?.config.problem;
  if (flags['problem-module'] !== undefined || (named ?? trained) !== trained) return problemOf(TASK, flags, named);
  return problemOf(TASK, run?.flags ?? {}, trained);
}

/** The options of the run's problem as flags, but for those that the problem does not have with the flags given. */
function inheritedOptions(trained: RunConfig, flags: Flags): Flags {
  const { options } = familyFor(trained.problem, { ...trained.problemOptions, ...problemFlags(flags) });
  const kept = Object.entries(problemFlagsOf(trained));
  return Object.fromEntries(kept.filter(([name]) => Object.hasOwn(options, name.slice('problem.'.length))));
}
