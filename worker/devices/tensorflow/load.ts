/** Loads TensorFlow under TensorFlow.js: a native library that only one thread of a process may use. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import type * as tfjs from '@tensorflow/tfjs';
import { LoptError, messageOf } from '../../../shared/errors.js';
import type { Tf } from '../backend.js';

const PACKAGE = '@tensorflow/tfjs-node-gpu';

/** An attribute of an operation. */
export interface Attribute {
  name: string;
  type: number;
  value: boolean | number;
}

/** The part of tfjs-node's backend that is used here. */
export interface TensorflowBackend {
  readonly isUsingGpuDevice: boolean;
  readonly binding: {
    readonly TF_Version: string;
    readonly TF_FLOAT: number;
    readonly TF_INT32: number;
    readonly TF_INT64: number;
    readonly TF_ATTR_TYPE: number;
    readonly TF_ATTR_FLOAT: number;
    readonly TF_ATTR_BOOL: number;
  };
  executeMultipleOutputs(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly tfjs.TensorInfo[],
    outputs: number,
  ): tfjs.Tensor[];
}

/** TensorFlow.js with TensorFlow as its backend. */
export interface LoadedTensorflow {
  tf: Tf;
  /** TensorFlow's version and device, in words: the same description means the same bits. */
  device: string;
  gpu: boolean;
}

/** Set before TensorFlow is loaded, unless the user did: for the same bits on the same machine, and a quiet log. */
const SETTINGS: Readonly<Record<string, string>> = {
  TF_DETERMINISTIC_OPS: '1',
  TF_CUDNN_DETERMINISTIC: '1',
  TF_ENABLE_ONEDNN_OPTS: '0',
  TF_FORCE_GPU_ALLOW_GROWTH: 'true',
  TF_CPP_MIN_LOG_LEVEL: '2',
};

let loaded: Promise<LoadedTensorflow> | undefined;

/** Loads TensorFlow at the first call. Throws LoptError with the remedy if that fails. */
export function loadTensorflow(): Promise<LoadedTensorflow> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<LoadedTensorflow> {
  // sums are split over the threads, so the bits depend on how many there are
  process.env['TF_NUM_INTRAOP_THREADS'] ??= String(availableParallelism());
  for (const [name, value] of Object.entries(SETTINGS)) process.env[name] ??= value;
  const require = createRequire(import.meta.url);
  mendUtilities(require('node:util') as Record<string, unknown>);
  const tf = await import('@tensorflow/tfjs');
  // without it tfjs advertises its backends on standard error
  tf.enableProdMode();
  try {
    require(PACKAGE);
  } catch (cause) {
    throw new LoptError(loadingFault(cause), { cause });
  }
  await tf.setBackend('tensorflow');
  const { isUsingGpuDevice: gpu, binding } = tf.backend() as unknown as TensorflowBackend;
  const threads = process.env['TF_NUM_INTRAOP_THREADS'];
  const device = gpu ? `GPU ${nvidiaDevice()}` : `no GPU found, ${process.arch} CPU with ${threads} intra-op threads`;
  return { tf, gpu, device: `TensorFlow ${binding.TF_Version} on ${device}` };
}

/** Restores functions that tfjs-node calls and Node 23 removed. */
export function mendUtilities(util: Record<string, unknown>): void {
  util['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
  util['isArray'] ??= Array.isArray;
}

/** Why the package could not be loaded, and what to do. */
export function loadingFault(cause: unknown): string {
  const reason = messageOf(cause).split('\n')[0]!.trim();
  const start = 'Cannot load engine "tensorflow":';
  if ((cause as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND' && reason.includes(PACKAGE)) {
    return `${start} the package ${PACKAGE} must be installed ("npm install ${PACKAGE}@4", which downloads TensorFlow)`;
  }
  if (/cuda|cudnn|cublas|cufft|curand|cusolver|cusparse|nvidia/i.test(reason)) {
    return `${start} CUDA 11 and cuDNN 8 must be where the dynamic linker finds them, got "${reason}"`;
  }
  if (/tensorflow(_framework)?\.(so|dylib|dll)|tfjs_binding|addon module/i.test(reason)) {
    return `${start} TensorFlow must be under ${PACKAGE} ("npm rebuild ${PACKAGE} --foreground-scripts" downloads it), got "${reason}"`;
  }
  return `${start} ${PACKAGE} must load in Node ${process.version}, got "${reason}"`;
}

/** The GPUs and the driver's version, as the driver reports them on Linux. */
function nvidiaDevice(): string {
  const folder = '/proc/driver/nvidia';
  if (!existsSync(`${folder}/version`)) return 'of unknown model';
  const driver = /Kernel Module[^\d]*([\d.]+)/.exec(readFileSync(`${folder}/version`, 'utf8'))?.[1] ?? 'unknown';
  const models = existsSync(`${folder}/gpus`)
    ? readdirSync(`${folder}/gpus`).map((gpu) => {
        const information = readFileSync(`${folder}/gpus/${gpu}/information`, 'utf8');
        return /Model:\s*(.*)/.exec(information)?.[1]?.trim() ?? 'unknown';
      })
    : [];
  return `${models.join(', ') || 'of unknown model'}, driver ${driver}`;
}
