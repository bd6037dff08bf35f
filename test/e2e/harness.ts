/** What the end-to-end tests share: a small run, and the command line as a real process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EventFiles } from '../../coordinator/report/event-files.js';
import { MetricsFile } from '../../coordinator/report/metrics.js';
import { RunReport } from '../../coordinator/report/report.js';
import { type EmbeddedOptions, trainEmbedded } from '../../deploy/run/embedded.js';
import { type Configured, configure } from '../../deploy/run/train-flags.js';
import { initialPhiOf } from '../../shared/config.js';
import { silentLogger } from '../../shared/logger.js';
import { encodePhi } from '../../shared/phi-format.js';
import type { Pool } from '../../worker/pool.js';
import { readEventFiles } from '../fixtures/event-reader.js';

/** The command line, as installed. */
export const CLI = fileURLToPath(new URL('../../deploy/cli.js', import.meta.url));

/** 13 shards, and windows of 7 steps that do not divide the episode's 30: the last one is short. */
export const SMALL_SHAPE = {
  shards: 13,
  problems: 2,
  horizon: 30,
  unroll: 7,
  layers: '6,5',
  'evaluate-every': 9,
  'evaluate-functions': 8,
} as const;

export const SMALL_FLAGS = { ...SMALL_SHAPE, 'problem.dimension': 3 } as const;

/** Rounds of the small run: eight episodes and a part of the ninth. */
export const SMALL_ROUNDS = 43;

/** The flags as words. */
export function wordsOf(flags: Readonly<Record<string, string | number | boolean>>): string[] {
  return Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

export function smallRun(flags: Record<string, unknown> = {}): Promise<Configured> {
  return configure('Cannot test', 'quadratic', { ...SMALL_FLAGS, ...flags });
}

/** φ_0 of a configuration. */
export function startOf(config: Configured['config']): Float64Array {
  return initialPhiOf(config);
}

/** Trains the small run in this process; returns the sha256 of what last.safetensors would hold. */
export async function trainSmall(
  folder: string,
  options: Partial<EmbeddedOptions> = {},
  flags: Record<string, unknown> = {},
): Promise<string> {
  const { config } = await smallRun(flags);
  return trainConfig(folder, config, options);
}

/** Trains in this process as `trainSmall` does, whatever the configuration. */
export async function trainConfig(
  folder: string,
  config: Configured['config'],
  options: Partial<EmbeddedOptions> = {},
): Promise<string> {
  const end = await trainEmbedded({
    folder,
    threads: 2,
    config,
    phi: startOf(config),
    goal: { rounds: SMALL_ROUNDS },
    logger: silentLogger,
    ...options,
  });
  return sha256(encodePhi(config.architecture, new Float32Array(end.state.phi)));
}

/** Writes metrics.jsonl and the event files of a run of this configuration. */
export function reportInto(folder: string, { architecture }: Configured['config']): RunReport {
  return new RunReport([new MetricsFile(join(folder, 'metrics.jsonl')), new EventFiles(folder, architecture)]);
}

/** The rounds and evaluations that stand in metrics.jsonl, and in the event files. */
export function reportedIn(folder: string): Record<'metrics' | 'events', { rounds: number[]; evaluations: number[] }> {
  const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').split('\n').slice(0, -1);
  const rows = lines.map((line) => JSON.parse(line) as { round?: number; evaluation?: number });
  const events = readEventFiles(folder);
  const stepsWith = (tag: string) => events.filter(({ scalars }) => tag in scalars).map(({ step }) => step);
  return {
    metrics: {
      rounds: rows.flatMap(({ round }) => round ?? []),
      evaluations: rows.flatMap(({ evaluation }) => evaluation ?? []),
    },
    events: { rounds: stepsWith('train/learning-rate'), evaluations: stepsWith('held-out/divergence-rate') },
  };
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function sha256OfFile(path: string): string {
  return sha256(readFileSync(path));
}

/** What a process printed, and how it ended. */
export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Starts a Node process; `ended` settles when it is gone, `printed` with its output so far once that holds a text. */
export function startProcess(
  args: readonly string[],
  cwd?: string,
  env: NodeJS.ProcessEnv = {},
): { child: ChildProcess; ended: Promise<Ended>; printed(text: string): Promise<string> } {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const printed = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        if (stdout.includes(text)) resolve(stdout);
      };
      child.stdout!.on('data', look);
      child.on('close', () => reject(new Error(`the process ended before it printed "${text}": ${stderr}`)));
      look();
    });
  return { child, ended, printed };
}

/** Runs `lopt` to its end. */
export function lopt(args: readonly string[], cwd?: string, env?: NodeJS.ProcessEnv): Promise<Ended> {
  return startProcess([CLI, ...args], cwd, env).ended;
}

/** The rounds that stand in a metrics file, but for a line half written. */
function roundsIn(metrics: string): number[] {
  const lines = readFileSync(metrics, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => (JSON.parse(line) as { round?: number }).round).filter((round) => round !== undefined);
}

/** Waits until a round stands in the metrics file, or the process that is to bring it there is gone. */
export async function reaches(child: ChildProcess, metrics: string, round: number): Promise<void> {
  while (child.exitCode === null && (!existsSync(metrics) || roundsIn(metrics).every((written) => written < round))) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The whole numbers up to the last. */
export function upTo(last: number, first = 1): number[] {
  return Array.from({ length: last + 1 - first }, (_, index) => first + index);
}

/** A small linear congruential generator in [0, 1), for the moments at which tests disturb a run. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Trains the small run on 3 threads that are terminated after a share of the rounds; the hash of φ, and how many windows
 * were replayed.
 */
export async function trainTerminated(
  folder: string,
  flags: Record<string, unknown>,
  share: number,
): Promise<{ hash: string; replayed: number }> {
  const random = seededRandom(5);
  let pool: Pool | undefined;
  let replayed = 0;
  const onPool = (created: Pool) => {
    pool = created;
  };
  const observer = {
    round(_record: unknown, measures: { replayed: number }) {
      replayed += measures.replayed;
      if (random() < share) void pool!.terminateThread(Math.floor(random() * 3));
    },
  };
  const hash = await trainSmall(folder, { threads: 3, onPool, observer }, flags);
  return { hash, replayed };
}
