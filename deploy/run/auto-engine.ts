/** Resolves `--engine auto` on this machine, before the configuration's digest is computed. */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { probeEngine } from './engine-probe.js';

/** GPU engines in the order of trial, each with a cheap test that can rule it out. */
const CANDIDATES: readonly { engine: string; plausible(): boolean }[] = [
  {
    engine: 'tensorflow',
    plausible: () => installed('@tensorflow/tfjs-node-gpu') && (process.platform !== 'linux' || hasDevice(/^nvidia\d/)),
  },
  {
    engine: 'webgpu',
    plausible: () =>
      installed('@tensorflow/tfjs-backend-webgpu') &&
      (process.platform !== 'linux' || hasDevice(/^nvidia\d/) || hasDevice(/^dxg$/) || hasRenderNode()),
  },
];

let found: Promise<string | undefined> | undefined;

/**
 * The engine of a real GPU, tried in a separate process, or `otherwise`. Software adapters do not count. On a machine
 * without a GPU's device files nothing is tried.
 */
export async function autoEngine(otherwise: string): Promise<string> {
  found ??= findGpuEngine();
  return (await found) ?? otherwise;
}

async function findGpuEngine(): Promise<string | undefined> {
  for (const { engine, plausible } of CANDIDATES) {
    if (!plausible()) continue;
    const report = await probeEngine(engine);
    if (report.usable && report.device.gpu) return engine;
  }
  return undefined;
}

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}

function hasDevice(pattern: RegExp): boolean {
  return existsSync('/dev') && readdirSync('/dev').some((name) => pattern.test(name));
}

/** A display adapter of any vendor. */
function hasRenderNode(): boolean {
  return existsSync('/dev/dri') && readdirSync('/dev/dri').some((name) => name.startsWith('renderD'));
}
