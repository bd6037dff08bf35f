/** The φ's that come with lopt, available by name wherever a command takes a φ file. */
import { fileURLToPath } from 'node:url';
import type { Flags } from './train-flags.js';

/** A φ and the problem that it was trained on. */
export interface Pretrained {
  path: string;
  problem: string;
  /** Flags of the problem. */
  options: Flags;
}

/** The φ's by name; deploy/pretrained/README.md says how each was made. */
const TRAINED_ON: Readonly<Record<string, Omit<Pretrained, 'path'>>> = {
  quadratic: { problem: 'quadratic', options: {} },
  'quadratic-uniform': {
    problem: 'quadratic',
    options: { 'problem.distribution': 'uniform', 'problem.initial-scale': 0.01 },
  },
  mlp: { problem: 'mlp', options: {} },
  'mlp-long': { problem: 'mlp', options: {} },
};

export const PRETRAINED_NAMES: readonly string[] = Object.keys(TRAINED_ON);

/** The φ with this name; undefined if there is none, so that the name must be a file. */
export function pretrained(name: string): Pretrained | undefined {
  const trainedOn = Object.hasOwn(TRAINED_ON, name) ? TRAINED_ON[name] : undefined;
  if (!trainedOn) return undefined;
  const path = fileURLToPath(new URL(`../../../deploy/pretrained/${name}.safetensors`, import.meta.url));
  return { ...trainedOn, path };
}
