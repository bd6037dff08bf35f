/** The flags of `lopt train`, and the configuration that they make. */
import { availableParallelism } from 'node:os';
import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import { hasMoments, MAXIMUM_LAYERS, PREPROCESSINGS } from '../../shared/architectures/lstm.js';
import { checkChoice, checkNumber, checkNumbers, type NumberRule } from '../../shared/check.js';
import type { OuterConfig } from '../../shared/config.js';
import { type RunConfig, VERSION } from '../../shared/config.js';
import { UsageError } from '../../shared/errors.js';
import type { PhiFile } from '../../shared/phi-file.js';
import { ENGINES } from '../../worker/engines/select.js';
import type { ProblemFamily, Problems, TrainingNumbers } from '../../worker/problems/problem.js';
import { familyFor, optionValues, separateFolders } from '../../worker/problems/registry.js';
import { autoEngine } from './auto-engine.js';
import {
  TRAINING_NUMBER_FLAGS,
  TRAINING_WORD_CHECKS,
  TRAINING_WORD_FLAGS,
  trainingOptions,
} from './training-options.js';

/** Flags as they were given, by name: from the command line or a file. */
export type Flags = Readonly<Record<string, unknown>>;

/** A number that configures the run. */
interface NumberFlag {
  describe: string;
  rule: NumberRule;
  /** What it is where neither the user nor the problem family says otherwise. */
  default: number;
  /** The family's own default. */
  advice?: keyof TrainingNumbers;
}

const COUNT: NumberRule = { integer: true, minimum: 1 };
const POSITIVE: NumberRule = { minimum: 0, exclusive: true };

/** Every flag that is a number and part of the configuration. */
export const NUMBER_FLAGS = {
  seed: { describe: 'what all randomness is drawn from', rule: { integer: true, minimum: 0 }, default: 0 },
  member: {
    describe: 'which member of a population this is: it draws from the seed what no other one does',
    rule: { integer: true, minimum: 0 },
    default: 0,
  },
  shards: { describe: 'shards, which advance independently', rule: COUNT, default: 2, advice: 'shards' },
  problems: { describe: 'problems in a shard', rule: COUNT, default: 64, advice: 'problems' },
  horizon: { describe: 'inner steps of an episode', rule: COUNT, default: 100, advice: 'horizon' },
  unroll: { describe: 'inner steps of a window', rule: COUNT, default: 20, advice: 'unroll' },
  'output-scale': {
    describe: 'factor on the output of the network',
    rule: POSITIVE,
    default: 0.1,
    advice: 'outputScale',
  },
  'learning-rate': {
    describe: 'peak learning rate of the outer Adam',
    rule: POSITIVE,
    default: 2e-3,
    advice: 'learningRate',
  },
  'final-rate': { describe: 'last learning rate, over the peak', rule: { ...POSITIVE, maximum: 1 }, default: 0.02 },
  flat: { describe: 'share of the rounds at the peak', rule: { ...POSITIVE, maximum: 0.9 }, default: 0.3 },
  clip: { describe: 'largest global norm of the meta-gradient', rule: POSITIVE, default: 1 },
  'evaluate-every': {
    describe: 'rounds between held-out evaluations',
    rule: COUNT,
    default: 200,
    advice: 'evaluateEvery',
  },
  'evaluate-functions': {
    describe: 'functions of a held-out evaluation',
    rule: COUNT,
    default: 256,
    advice: 'evaluateFunctions',
  },
  ...TRAINING_NUMBER_FLAGS,
} as const satisfies Record<string, NumberFlag>;

/** The other flags that configure the run. */
export const WORD_FLAGS = {
  layers: 'units of the LSTM layers, as in 20,20',
  preprocessing: `input of the architecture: ${PREPROCESSINGS.join(', ')}`,
  engine: `what computes windows: auto, ${[...ENGINES.keys()].join(', ')}`,
  ...TRAINING_WORD_FLAGS,
} as const;

export const SWITCH_FLAGS = {
  strict: 'no fused multiply-add: the same bits on any processor',
  'second-derivatives': 'back-propagate through the optimizee gradients too',
} as const;

const PROBLEM_PREFIX = 'problem.';

/** What a command trains or evaluates. */
export interface Configured {
  family: ProblemFamily;
  problems: Problems;
  config: RunConfig;
}

/**
 * The threads that a command computes with: where the user says nothing, all processors, or for an engine that takes no
 * more, one.
 */
export function threadsOf(task: string, flags: Flags, engine = String(flags['engine'])): number {
  const { threads } = flags;
  const single = ENGINES.get(engine)?.single ?? false;
  if (threads === undefined) return single ? 1 : availableParallelism();
  const count = checkNumber(task, 'threads', threads, { ...COUNT, maximum: 1024 });
  if (single && count > 1) {
    throw new UsageError(
      `${task}: "threads" must be 1 with engine ${engine}, which one thread of a process has, got ${count}`,
    );
  }
  return count;
}

/** The options of the problem family among the flags, without their prefix. */
export function problemFlags(flags: Flags): Record<string, unknown> {
  const named = Object.entries(flags).filter(([name]) => name.startsWith(PROBLEM_PREFIX));
  return Object.fromEntries(named.map(([name, value]) => [name.slice(PROBLEM_PREFIX.length), value]));
}

/** The options of a configuration's problems as flags, folders included. */
export function problemFlagsOf({ problemOptions, folders }: Pick<RunConfig, 'problemOptions' | 'folders'>): Flags {
  const options = Object.entries({ ...problemOptions, ...folders });
  return Object.fromEntries(options.map(([name, value]) => [`${PROBLEM_PREFIX}${name}`, value]));
}

/** Checks the flags and makes the configuration; loads the problems' data. Throws UsageError. */
export async function configure(task: string, problem: string, flags: Flags, init?: PhiFile): Promise<Configured> {
  const given = problemFlags(flags);
  const family = familyFor(problem, given);
  const outputScale = numberFlag(task, 'output-scale', flags, family.training);
  const architecture = networkOf(task, flags, outputScale, init);
  const secondDerivatives = keepsSecondDerivatives(task, flags, family, architecture);
  const advice = { ...family.training, ...(secondDerivatives ? {} : family.training.firstOrder) };
  const number = (name: keyof typeof NUMBER_FLAGS) => numberFlag(task, name, flags, advice);
  const outer: OuterConfig = {
    learningRate: number('learning-rate'),
    finalRate: number('final-rate'),
    flat: number('flat'),
    clip: number('clip'),
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
  };
  const values = optionValues(family, given);
  const rest = {
    seed: number('seed'),
    member: number('member'),
    shards: number('shards'),
    problems: number('problems'),
    horizon: number('horizon'),
    unroll: number('unroll'),
    evaluateEvery: number('evaluate-every'),
    evaluateFunctions: number('evaluate-functions'),
    engine: await engineOf(task, flags['engine'], secondDerivatives, architecture),
  };
  const problems = await family.configure(values);
  const { options, folders } = separateFolders(family, values);
  const { estimator, ...training } = trainingOptions(task, flags, number, rest);
  const config: RunConfig = {
    version: VERSION,
    problem,
    problemOptions: options,
    folders,
    architecture,
    outer,
    estimator: { type: 'bptt', secondDerivatives, ...estimator },
    ...training,
    strict: flags['strict'] === true,
    initialPhi: init?.hash ?? null,
    dataHashes: problems.dataHashes ?? {},
    ...rest,
  };
  return { family, problems, config };
}

function keepsSecondDerivatives(
  task: string,
  flags: Flags,
  { training }: ProblemFamily,
  architecture: ArchitectureConfig,
): boolean {
  const given = flags['second-derivatives'];
  if (given === undefined) return training.secondDerivatives === true && !hasMoments(architecture);
  if (given === true && hasMoments(architecture)) {
    // the root of the running mean square has no slope where gradients are 0
    throw new UsageError(`${task}: "preprocessing" must not be ${architecture.preprocessing} with second derivatives`);
  }
  return given === true;
}

function numberFlag(task: string, name: keyof typeof NUMBER_FLAGS, flags: Flags, advice: TrainingNumbers): number {
  const flag: NumberFlag = NUMBER_FLAGS[name];
  const given = flags[name];
  if (given !== undefined) return checkNumber(task, name, given, flag.rule);
  return (flag.advice && advice[flag.advice]) ?? flag.default;
}

function networkOf(task: string, flags: Flags, outputScale: number, init: PhiFile | undefined): ArchitectureConfig {
  const fresh: ArchitectureConfig = { type: 'lstm', layers: [20, 20], preprocessing: 'log-and-sign', outputScale };
  const base = init?.architecture ?? fresh;
  const given = (name: string) => flags[name] !== undefined;
  const architecture: ArchitectureConfig = {
    type: 'lstm',
    layers: given('layers') ? checkLayers(task, flags['layers']) : base.layers,
    preprocessing: given('preprocessing') ? checkPreprocessing(task, flags['preprocessing']) : base.preprocessing,
    outputScale: given('output-scale') ? outputScale : base.outputScale,
  };
  if (init && JSON.stringify(architecture) !== JSON.stringify(base)) {
    throw new UsageError(
      `${task}: the architecture must be the one of the φ it starts from (layers ${base.layers.join(',')}, ` +
        `preprocessing ${base.preprocessing}, output scale ${base.outputScale})`,
    );
  }
  return architecture;
}

function checkPreprocessing(task: string, value: unknown): ArchitectureConfig['preprocessing'] {
  return checkChoice(task, 'preprocessing', value, PREPROCESSINGS);
}

/** Checks the value of a flag by itself. Throws UsageError. */
export function checkWordFlag(task: string, name: keyof typeof WORD_FLAGS, value: unknown): void {
  const checks = {
    layers: checkLayers,
    preprocessing: checkPreprocessing,
    engine: checkEngine,
    ...TRAINING_WORD_CHECKS,
  };
  checks[name](task, value);
}

function checkEngine(task: string, value: unknown): string {
  return checkChoice(task, 'engine', value, ['auto', ...ENGINES.keys()]);
}

/** 1 to MAXIMUM_LAYERS layers of at most 512 units: what the kernels are made for. */
function checkLayers(task: string, value: unknown): number[] {
  const layers = checkNumbers(task, 'layers', value, { ...COUNT, maximum: 512 });
  if (layers.length < 1 || layers.length > MAXIMUM_LAYERS) {
    throw new UsageError(`${task}: "layers" must list 1 to ${MAXIMUM_LAYERS} layers, got ${layers.length}`);
  }
  return layers;
}

async function engineOf(
  task: string,
  value: unknown,
  secondDerivatives: boolean,
  architecture: ArchitectureConfig,
): Promise<string> {
  const engine = checkEngine(task, value ?? 'auto');
  if (engine !== 'auto') return engine;
  // the engines of a GPU do not know RNNProp's inputs, and keep second derivatives by plain operations alone
  return hasMoments(architecture) || secondDerivatives ? 'wasm' : autoEngine('wasm');
}
