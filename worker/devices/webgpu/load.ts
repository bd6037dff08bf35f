/** WebGPU in Node, and TensorFlow.js on it. */
import { LoptError, messageOf } from '../../../shared/errors.js';
import type { Tf } from '../backend.js';
import type { DeviceWatch } from '../device-watch.js';
import { keepSumOrder } from './sum-order.js';
import { uploadThroughQueue } from './uploads.js';

/** A device, and TensorFlow.js with its backend `webgpu` on it. */
export interface LoadedWebGpu {
  tf: Tf;
  device: GPUDevice;
  /** The adapter and its driver, in words. */
  name: string;
  /** Whether the adapter computes on the CPU. */
  software: boolean;
  watch: DeviceWatch;
}

const START = 'Cannot load engine "webgpu":';

/** Limits that are requested at the adapter's maximum. */
const LIMITS = [
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupSizeX',
  'maxComputeInvocationsPerWorkgroup',
] as const;

let loaded: Promise<LoadedWebGpu> | undefined;

/** Opens a device at the first call, and a new one after a fault. Throws LoptError if there is none. */
export async function loadWebGpu(): Promise<LoadedWebGpu> {
  if (loaded && (await loaded).watch.fault() !== undefined) loaded = undefined;
  loaded ??= load();
  return loaded;
}

/** The first GPU that WebGPU finds. Throws LoptError with the remedy if there is none. */
export async function findAdapter(): Promise<GPUAdapter> {
  const { create, globals } = await importPackage<typeof import('webgpu')>(() => import('webgpu'), 'webgpu');
  const gpu = create([]);
  // what TensorFlow.js expects of a browser
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  if (!('window' in globalThis)) Object.defineProperty(globalThis, 'window', { value: globalThis, configurable: true });
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter) return adapter;
  throw new LoptError(
    `${START} there must be a GPU with a driver for Vulkan, Metal or Direct3D 12, and on Linux the Vulkan loader ` +
      '(Debian and Ubuntu: libvulkan1); none was found',
  );
}

/** An adapter in words, with its driver. */
export function adapterName({ info: { vendor, architecture, device, description } }: GPUAdapter): string {
  return [...new Set([vendor, architecture, device, description])].filter((part) => part !== '').join(' ');
}

/** Whether an adapter is a software renderer, as in tests. */
export function isSoftware(adapter: GPUAdapter): boolean {
  return /swiftshader|llvmpipe|lavapipe|basic render/i.test(adapterName(adapter));
}

async function load(): Promise<LoadedWebGpu> {
  const tf = await import('@tensorflow/tfjs');
  // without it tfjs advertises its backends on standard error
  tf.enableProdMode();
  const adapter = await findAdapter();
  const { WebGPUBackend } = await importPackage(
    () => import('@tensorflow/tfjs-backend-webgpu'),
    '@tensorflow/tfjs-backend-webgpu',
  );
  keepSumOrder(tf);
  const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
  const device = await adapter.requestDevice({ requiredLimits });
  const watch = watchDevice(device);
  // the package registers a backend with a device that nobody watches
  if (tf.findBackendFactory('webgpu')) tf.removeBackend('webgpu');
  tf.registerBackend('webgpu', () => {
    const backend = new WebGPUBackend(device, adapter.info);
    uploadThroughQueue(backend, device.queue);
    return backend;
  });
  await tf.setBackend('webgpu');
  return { tf, device, name: adapterName(adapter), software: isSoftware(adapter), watch };
}

/** Records the first fault of a device. */
function watchDevice(device: GPUDevice): DeviceWatch {
  let fault: ReturnType<DeviceWatch['fault']>;
  const lost = device.lost.then(({ message }) => {
    fault = { message: message.split('\n')[0] ?? '', lost: true };
  });
  device.addEventListener('uncapturederror', ({ error }) => {
    fault ??= { message: error.message.split('\n')[0] ?? '', lost: false };
  });
  return { fault: () => fault, lost };
}

async function importPackage<Package>(load: () => Promise<Package>, name: string): Promise<Package> {
  try {
    return await load();
  } catch (cause) {
    const reason = messageOf(cause).split('\n')[0];
    throw new LoptError(`${START} the package ${name} must be installed ("npm install ${name}"), got "${reason}"`, {
      cause,
    });
  }
}
