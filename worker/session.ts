/** What a thread keeps of a configuration: its problems and an engine. */
import { createHash } from 'node:crypto';
import { type RunConfig, VERSION } from '../shared/config.js';
import { LoptError } from '../shared/errors.js';
import { initialPhi } from '../shared/phi.js';
import { deriveKey } from '../shared/random.js';
import type { Engine } from './engines/engine.js';
import { ENGINES } from './engines/select.js';
import type { Gradient, Problems } from './problems/problem.js';
import { familyNamed } from './problems/registry.js';

/** A configuration and its digest, as tasks carry them. */
export interface SessionId {
  digest: string;
  config: RunConfig;
}

export interface Session {
  readonly config: RunConfig;
  readonly problems: Problems;
  readonly gradient: Gradient;
  readonly engine: Engine;
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

async function open(config: RunConfig): Promise<Session> {
  const entry = ENGINES.get(config.engine);
  if (!entry)
    throw new LoptError(`Cannot find engine "${config.engine}": it must be one of ${[...ENGINES.keys()].join(', ')}`);
  const problems = await familyNamed(config.problem).configure(config.problemOptions);
  checkHashes(config, problems);
  const gradient = await gradientOf(problems);
  return { config, problems, gradient, engine: await entry.create(config, problems, gradient) };
}

/** The files behind the problems must be those that the run was configured with: another thread, another machine reads them. */
function checkHashes({ problem, dataHashes }: RunConfig, problems: Problems): void {
  for (const [name, hash] of Object.entries({ ...dataHashes, ...problems.dataHashes })) {
    if (dataHashes[name] === hash && problems.dataHashes?.[name] === hash) continue;
    const [expected, found] = [dataHashes[name], problems.dataHashes?.[name]].map((one) => one?.slice(0, 12) ?? 'none');
    throw new LoptError(
      `Cannot compute ${problem}: ${name} must be the file that the run was configured with (sha256 ${expected}), got ${found}`,
    );
  }
}

/** A family's closed form where it has one, its differentiated tensor loss otherwise. */
async function gradientOf(problems: Problems): Promise<Gradient> {
  if (problems.createGradient) return problems.createGradient();
  // TensorFlow.js takes a second to load: only where it is needed
  const { loadTensorGradient } = await import('./engines/tensor/reference-engine.js');
  return loadTensorGradient(problems);
}

/** Computes a small window of this configuration: two machines that agree on it compute the same bits. */
export function fingerprintOf({ config, engine }: Session): string {
  const id = { seed: 0, member: 0, shard: 0, episode: 0, purpose: 'probe' } as const;
  const key = deriveKey(id);
  engine.loadPhi(new Float32Array(initialPhi(config.network, key)));
  const state = engine.begin(key, Math.min(2, config.problems), 'train');
  const { phiGradient, state: after } = engine.window({ state, steps: Math.min(3, config.unroll) });
  const hash = createHash('sha256');
  for (const array of [phiGradient, after.theta, after.gradient]) {
    hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  }
  const device = config.strict ? 'any processor' : process.arch;
  return `lopt ${VERSION}, ${engine.description}, ${device}, probe ${hash.digest('hex').slice(0, 16)}`;
}
