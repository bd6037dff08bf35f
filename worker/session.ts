/** A thread's session with a configuration: the problems, the estimator and an engine. */
import { createHash } from 'node:crypto';
import { combinationFault } from '../shared/combination.js';
import { dataDifference, type RunConfig, VERSION } from '../shared/config.js';
import { LoptError } from '../shared/errors.js';
import { estimatorOf } from '../shared/estimators/registry.js';
import { initialPhi } from '../shared/phi.js';
import { deriveKey } from '../shared/random.js';
import type { Engine } from './engines/engine.js';
import type { SharedKernels } from './engines/host/kernel-engine.js';
import { MixEngine } from './engines/mix-engine.js';
import { type Derivatives, ENGINES, type EngineEntry } from './engines/select.js';
import type { Estimator } from './estimators/estimator.js';
import { createEstimator } from './estimators/registry.js';
import { closedFormsOf, gradientOf, hessianOf } from './problems/derivatives/derivatives.js';
import type { Gradient, Mixture, Problems } from './problems/problem.js';
import { MOST_READY } from './problems/recent.js';
import { familyNamed } from './problems/registry.js';
import { ResidentShards } from './resident-shards.js';
import { scaleGradient, scaleHessian, scaleProblems, scalesProblems } from './training/scaled-problems.js';

/** A configuration and its digest, as tasks carry them. */
export interface SessionId {
  digest: string;
  config: RunConfig;
}

export interface Session {
  readonly config: RunConfig;
  readonly problems: Problems;
  readonly estimator: Estimator;
  /** The problems' gradient on typed arrays. */
  gradient(): Promise<Gradient>;
  /** Opened at its first use: baselines need no device. */
  engine(): Promise<Engine>;
  /** Whether the engine is open. */
  isOpen(): boolean;
  /** The shards on the engine's device. */
  readonly residents: ResidentShards;
}

const sessions = new Map<string, Promise<Session>>();

/** The session of a configuration, made at its first use in this thread. */
export function sessionOf({ digest, config }: SessionId): Promise<Session> {
  let session = sessions.get(digest);
  if (!session) {
    session = open(config);
    sessions.set(digest, session);
  }
  return session;
}

/** Closes the sessions of all configurations but these, freeing their engines' memory. */
export async function keepSessions(live: readonly string[]): Promise<void> {
  for (const [digest, session] of sessions) {
    if (live.includes(digest)) continue;
    sessions.delete(digest);
    // a session that failed to open has nothing to close, and the error was reported when it was used
    await session.then(close, () => {});
  }
}

/** Drops the shards on a session's device, and closes its engine if it is open. */
async function close({ isOpen, engine, residents }: Session): Promise<void> {
  residents.keep(new Set());
  if (isOpen()) (await engine()).close();
}

/** Closes a session whose device was lost: the next use of the configuration opens another, or says why it cannot. */
export async function dropSession(digest: string): Promise<void> {
  const session = await sessions.get(digest);
  sessions.delete(digest);
  if (session) await close(session);
}

async function open(config: RunConfig): Promise<Session> {
  const entry = ENGINES.get(config.engine);
  if (!entry)
    throw new LoptError(`Cannot find engine "${config.engine}": it must be one of ${[...ENGINES.keys()].join(', ')}`);
  const fault = combinationFault(config, entry);
  if (fault !== undefined) throw new LoptError(`Cannot join the run: ${fault}`);
  const problems = await familyNamed(config.problem).configure({ ...config.problemOptions, ...config.folders });
  const difference = dataDifference(config, problems.dataHashes ?? {});
  if (difference) throw new LoptError(`Cannot join the run: ${difference}`);
  let isOpen = false;
  const forms = closedFormsOf(config);
  const gradient = once(() => gradientOf(problems, forms));
  const engine = once(async () => {
    const made = await (problems.mixture
      ? openMix(entry, config, problems.mixture)
      : openEngine(entry, config, problems, { gradient, hessian: () => hessianOf(problems, forms) }));
    isOpen = true;
    return made;
  });
  const estimator = createEstimator(config.estimator);
  return {
    config,
    problems,
    estimator,
    gradient,
    engine,
    isOpen: () => isOpen,
    residents: new ResidentShards(estimator),
  };
}

/** Calls `make` at the first call only; every call returns its result. */
function once<Made>(make: () => Promise<Made>): () => Promise<Made> {
  let made: Promise<Made> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Opens an engine, on scaled problems if configured: training problems are drawn by engines alone. */
function openEngine(
  entry: EngineEntry,
  { architecture, estimator, augmentation, strict }: RunConfig,
  problems: Problems,
  derivatives: Derivatives,
  kernels?: SharedKernels,
): Promise<Engine> {
  const { secondDerivatives } = estimatorOf(estimator).needs(estimator);
  const request = { architecture, problems, derivatives, strict, secondDerivatives, ...(kernels && { kernels }) };
  if (!scalesProblems(augmentation)) return entry.create(request);
  return entry.create({
    ...request,
    problems: scaleProblems(problems, augmentation),
    derivatives: {
      gradient: async () => scaleGradient(await derivatives.gradient(), augmentation),
      hessian: async () => scaleHessian(await derivatives.hessian(), augmentation),
    },
  });
}

/** An engine for each component of a mixture that is met. */
function openMix(entry: EngineEntry, config: RunConfig, { components, pick, probes }: Mixture): Promise<MixEngine> {
  const forms = closedFormsOf(config);
  const kernels: SharedKernels = new Map();
  return MixEngine.open({
    pick,
    probes,
    // shards stay on the device of the engine that has them
    most: entry.single ? Number.POSITIVE_INFINITY : MOST_READY,
    create(index) {
      const problems = components[index]!;
      const derivatives = { gradient: () => gradientOf(problems, forms), hessian: () => hessianOf(problems, forms) };
      return openEngine(entry, config, problems, derivatives, kernels);
    },
  });
}

/**
 * Describes this machine's arithmetic, with a hash of a small window (for a mixture, of several components): two machines
 * with the same fingerprint compute the same bits.
 */
export async function fingerprintOf({ config, estimator, engine: open }: Session): Promise<string> {
  const engine = await open();
  const draws = { seed: 0, member: 0, shard: 0, episode: 0 };
  const phi = new Float32Array(initialPhi(config.architecture, deriveKey({ ...draws, purpose: 'probe' })));
  const { horizon, unroll } = config;
  const problems = Math.min(2, config.problems);
  const place = { ...draws, problems, horizon, window: 0, steps: Math.min(3, unroll) };
  const hash = createHash('sha256');
  for (const probe of engine instanceof MixEngine ? engine.probes : [0]) {
    const part = engine instanceof MixEngine ? await engine.engineAt(probe) : engine;
    const state = await estimator.begin(part, phi, place);
    const { metaGradient, loss, finalLoss } = await estimator.window(part, phi, state, place);
    for (const array of [metaGradient, Float64Array.of(loss, finalLoss)]) {
      hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    }
  }
  const device = config.strict ? 'any processor' : process.arch;
  return `lopt ${VERSION}, ${engine.description}, ${device}, probe ${hash.digest('hex').slice(0, 16)}`;
}
