/** What `--engine auto` is on this machine: a name in the configuration, before its digest is made. */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { probeEngine } from './engine-probe.js';

/** The engines of a GPU in the order in which they are tried, each with whether to try it costs nothing to deny. */
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
 * A GPU's engine where there is a real one, tried in a process of its own; `otherwise` else. Software adapters count for
 * nothing. A machine without a GPU's device files is told from the others by a look at them.
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

/** A display adapter, of whichever vendor. */
function hasRenderNode(): boolean {
  return existsSync('/dev/dri') && readdirSync('/dev/dri').some((name) => name.startsWith('renderD'));
}
