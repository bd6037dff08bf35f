/** Forks: a run that begins with another one's state, and goes on with other options. */
import { createHash } from 'node:crypto';
import { decodeFrame, encode, encodeFrame } from '../shared/codec.js';
import type { ForkPoint } from '../shared/config.js';
import { FileError } from '../shared/errors.js';
import { readFileNamed, writeFileWhole } from '../shared/files.js';
import type { LearnerState } from './learner.js';

/** What a run was after a round. */
export interface RunState {
  /** The configuration digest of the run. */
  digest: string;
  learner: LearnerState;
}

/** What the configuration of a run says that begins with this state. */
export function forkPointOf({ digest, learner }: RunState): ForkPoint {
  const { round, phi, outer, plannedRounds, best } = learner;
  const adam = outer[1];
  const parts = [round, phi, adam.mean, adam.square, adam.power1, adam.power2, plannedRounds];
  const scored = best && [best.round, best.score, best.phi];
  return {
    digest,
    round,
    state: createHash('sha256')
      .update(encode([parts, scored]))
      .digest('hex'),
  };
}

/**
 * What the run begins with: φ, the outer optimizer's moments, the plan and the best φ of the other one. φ is evaluated
 * anew, and the engine is this run's own matter: both may be others with other options. A curriculum of horizons begins
 * anew, too; what was best under one that had grown does not count then.
 */
export function forkedLearner(parent: LearnerState): LearnerState {
  const candidate = { round: parent.round, phi: new Float32Array(parent.phi) };
  const best = parent.grown.length > 0 ? null : parent.best;
  return { ...parent, fingerprint: null, candidate, grown: [], best };
}

/** Writes a state to a file. */
export function writeRunState(path: string, state: RunState): void {
  writeFileWhole(path, encodeFrame(state));
}

/** Reads a state; throws FileError if it is missing or not whole. */
export function readRunState(path: string): RunState {
  const frame = decodeFrame(readFileNamed(path, 'the state of a run'));
  if (frame) return frame.value as RunState;
  throw new FileError(path, `Cannot read the state of a run from ${path}: it is damaged`);
}
