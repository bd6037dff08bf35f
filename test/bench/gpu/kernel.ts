/** Measures the WGSL kernel alone on one device: forward steps and backward pass of teacher-forced windows. */
import { isDeepStrictEqual } from 'node:util';
import { create } from 'webgpu';
import type { LstmConfig } from '../../../shared/architectures/lstm.js';
import { initialPhi } from '../../../shared/phi.js';
import { fillNormal, seedKey } from '../../../shared/random.js';
import type { LstmWindow } from '../../../worker/architectures/lstm/webgpu/lstm-window.js';
import type { LstmPlan, LstmVariant } from '../../../worker/architectures/lstm/webgpu/plan.js';
import { stepFlops } from '../../../worker/architectures/lstm/webgpu/small-shaders.js';
import { WebGpuLstm } from '../../../worker/architectures/lstm/webgpu/webgpu-lstm.js';
import { USAGE } from '../../../worker/devices/webgpu/device-buffers.js';
import { fixtureNetwork, repeatFixture, runFixture, tensorBuffer } from '../../fixtures/webgpu-window.js';
import { loadWindowFixtures } from '../../fixtures/window.js';

/** What one process measures. */
export interface KernelRequest {
  layers: number[];
  unroll: number;
  coordinates: number[];
  repeat: number;
  variant: LstmVariant;
  stateBudget: number;
  /** Dawn's toggles to enable. */
  toggles: string[];
  /** Which recorded windows to compare with float64 first: of the network that is timed, or of all. */
  check: 'none' | 'timed' | 'all';
  /** How many times over the recorded windows are taken; 30 001 gives several tiles to every workgroup. */
  copies: number;
}

/** One number of coordinates; seconds are medians of one window. */
export interface KernelTiming {
  coordinates: number;
  forwardSeconds: number;
  backwardSeconds: number;
  /** By the clock of the GPU, or of the process. */
  clock: 'gpu' | 'wall';
  /** The same two together by the clock of the process. */
  wallSeconds: number;
  keptStates: boolean;
  coordinateStepsPerSecond: number;
}

/** What one process reports. */
export interface KernelReport {
  device: string;
  kernel: string;
  compileSeconds: number;
  /** Relative errors of dφ against float64, by window. */
  errors: Record<string, number>;
  /** Floating-point operations and bytes of device memory of a coordinate-step, counted from the network's shape. */
  flops: number;
  bytes: number;
  timings: KernelTiming[];
  /** Sizes that could not be measured, and why. */
  failures: string[];
}

/** Measures; throws where there is no device. */
export async function measureKernel(request: KernelRequest): Promise<KernelReport> {
  const { layers, unroll, variant, stateBudget, toggles, repeat } = request;
  const gpu = create([
    `enable-dawn-features=${['allow_unsafe_apis', ...toggles].join()}`,
    'disable-dawn-features=timestamp_quantization',
  ]);
  const device = await openDevice(gpu);
  const network: LstmConfig = {
    type: 'lstm',
    layers,
    preprocessing: 'log-and-sign',
    outputScale: 0.1,
    logAndSignP: 10,
  };
  const start = performance.now();
  const lstm = new WebGpuLstm({ device, network, variant, stateBudget });
  lstm.loadPhi(Float32Array.from(initialPhi(network, seedKey(1))));
  await time(device, lstm, 4 * lstm.plan.tile, 2, 1);
  const { forward, backward } = stepFlops(lstm.plan);
  const report: KernelReport = {
    device: deviceName(device),
    kernel: `${lstm.description}, tiles of ${lstm.plan.tile}, ${lstm.plan.threads} threads`,
    compileSeconds: (performance.now() - start) / 1000,
    errors: await checkErrors(device, lstm, request),
    flops: forward + backward,
    bytes: stepBytes(lstm.plan),
    timings: [],
    failures: [],
  };
  for (const coordinates of request.coordinates) {
    try {
      report.timings.push(await time(device, lstm, coordinates, unroll, repeat));
    } catch (error) {
      report.failures.push(`${coordinates} coordinates: ${(error as Error).message}`);
      break;
    }
  }
  lstm.close();
  device.destroy();
  return report;
}

const LIMITS = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

async function openDevice(gpu: GPU): Promise<GPUDevice> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('no WebGPU adapter: a Vulkan driver and libvulkan.so.1 are needed');
  const requiredLimits: Record<string, number> = {};
  for (const name of LIMITS) requiredLimits[name] = adapter.limits[name];
  const requiredFeatures: GPUFeatureName[] = adapter.features.has('timestamp-query') ? ['timestamp-query'] : [];
  return adapter.requestDevice({ requiredLimits, requiredFeatures });
}

function deviceName(device: GPUDevice): string {
  const {
    vendor,
    architecture,
    description,
    device: name,
  } = (device as GPUDevice & { adapterInfo: GPUAdapterInfo }).adapterInfo;
  const { maxComputeWorkgroupStorageSize, maxStorageBufferBindingSize, maxBufferSize } = device.limits;
  return (
    `${vendor} ${architecture} ${name} ${description} (workgroup memory ${maxComputeWorkgroupStorageSize}, ` +
    `binding ${maxStorageBufferBindingSize}, buffer ${maxBufferSize})`
  );
}

/**
 * dφ of the recorded windows, many times over so that all of a workgroup's tiles count, against float64: with LogAndSign,
 * which is the network that is timed, or of all windows with these layers.
 */
async function checkErrors(
  device: GPUDevice,
  timed: WebGpuLstm,
  { check, copies, variant, layers }: KernelRequest,
): Promise<Record<string, number>> {
  const errors: Record<string, number> = {};
  for (const fixture of loadWindowFixtures().filter((window) => window.layers.join() === layers.join())) {
    const network = fixtureNetwork(fixture);
    const same = isDeepStrictEqual(network, timed.plan.network);
    if (check === 'none' || (check === 'timed' && !same)) continue;
    const repeated = repeatFixture(fixture, copies);
    const lstm = same ? timed : new WebGpuLstm({ device, network, variant });
    const window = lstm.createWindow(repeated.coordinates, fixture.steps);
    const { metaGradient } = await runFixture(device, lstm, window, repeated);
    let difference = 0;
    let norm = 0;
    repeated.expected.metaGradient.forEach((slope, i) => {
      difference += (metaGradient[i]! - slope) ** 2;
      norm += slope ** 2;
    });
    errors[fixture.name] = Math.sqrt(difference / norm);
    if (same) window.close();
    else lstm.close();
  }
  return errors;
}

/** Medians over windows of K steps on N coordinates. */
async function time(
  device: GPUDevice,
  lstm: WebGpuLstm,
  coordinates: number,
  unroll: number,
  repeat: number,
): Promise<KernelTiming> {
  device.pushErrorScope('out-of-memory');
  device.pushErrorScope('validation');
  const window = lstm.createWindow(coordinates, unroll);
  const gradient = new Float32Array(coordinates);
  fillNormal(seedKey(2), gradient);
  const gradients = Array.from({ length: 2 }, (_, i) =>
    tensorBuffer(
      device,
      gradient.map((x) => (i === 0 ? x : -x)),
    ),
  );
  const thetas = [gradient, gradient].map((values) => tensorBuffer(device, values));
  const clock = device.features.has('timestamp-query') ? new GpuClock(device) : undefined;
  const initial = device.createCommandEncoder();
  for (let s = 0; s <= unroll; s++) window.setGradient(initial, s, gradients[s % 2]!);
  device.queue.submit([initial.finish()]);
  await device.queue.onSubmittedWorkDone();
  for (const scope of ['validation', 'memory']) {
    const error = await device.popErrorScope();
    if (error) throw new Error(`${scope}: ${error.message.split('\n')[0]}`);
  }

  const runs: { forward: number; backward: number; wall: number }[] = [];
  for (let run = 0; run <= repeat; run++) {
    const encoder = device.createCommandEncoder();
    clock?.mark(encoder, 0);
    forwardWindow(encoder, window, gradients, thetas);
    clock?.mark(encoder, 1);
    const start = performance.now();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    const middle = performance.now();
    const second = device.createCommandEncoder();
    clock?.mark(second, 2);
    window.backward(second);
    clock?.mark(second, 3);
    device.queue.submit([second.finish()]);
    await device.queue.onSubmittedWorkDone();
    const end = performance.now();
    const times = await clock?.read();
    const forward = times ? times[1]! - times[0]! : (middle - start) / 1000;
    const backward = times ? times[3]! - times[2]! : (end - middle) / 1000;
    // the first one warms up
    if (run > 0) runs.push({ forward, backward, wall: (end - start) / 1000 });
  }
  const { keep } = window;
  for (const buffer of [...gradients, ...thetas]) buffer.destroy();
  clock?.close();
  window.close();
  const forwardSeconds = median(runs.map((run) => run.forward));
  const backwardSeconds = median(runs.map((run) => run.backward));
  return {
    coordinates,
    forwardSeconds,
    backwardSeconds,
    clock: clock ? 'gpu' : 'wall',
    wallSeconds: median(runs.map(({ wall }) => wall)),
    keptStates: keep,
    coordinateStepsPerSecond: (coordinates * unroll) / (forwardSeconds + backwardSeconds),
  };
}

/** K steps as an engine does them: ∇ from a buffer of its own, θ to a new one. */
function forwardWindow(
  encoder: GPUCommandEncoder,
  window: LstmWindow,
  gradients: readonly GPUBuffer[],
  thetas: readonly GPUBuffer[],
): void {
  for (let s = 0; s < window.steps; s++) {
    window.setGradient(encoder, s, gradients[s % 2]!);
    window.forward(encoder, s, thetas[(s + 1) % 2]!, thetas[s % 2]!);
  }
}

/** Device memory that a coordinate-step moves at the least, states kept: h and c forward, and once more backward. */
function stepBytes({ layers, stateRows }: LstmPlan): number {
  const below = layers.slice(0, -1).reduce((rows, { padded }) => rows + padded, 0);
  const forward = 4 * (2 * stateRows + 2 + 1 + 2);
  return forward + 4 * (stateRows + below + 2);
}

/** Four marks on the clock of the GPU. */
class GpuClock {
  readonly #device: GPUDevice;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #copy: GPUBuffer;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#queries = device.createQuerySet({ type: 'timestamp', count: 4 });
    // 0x200 is GPUBufferUsage.QUERY_RESOLVE
    this.#resolved = device.createBuffer({ size: 32, usage: 0x200 | USAGE.copySource });
    this.#copy = device.createBuffer({ size: 32, usage: USAGE.mapRead | USAGE.copyTarget });
  }

  /** The time when all that was encoded before is done. */
  mark(encoder: GPUCommandEncoder, index: number): void {
    encoder.beginComputePass({ timestampWrites: { querySet: this.#queries, endOfPassWriteIndex: index } }).end();
  }

  /** Seconds of all marks. */
  async read(): Promise<number[]> {
    const encoder = this.#device.createCommandEncoder();
    encoder.resolveQuerySet(this.#queries, 0, 4, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#copy, 0, 32);
    this.#device.queue.submit([encoder.finish()]);
    await this.#copy.mapAsync(USAGE.mapRead);
    const times = Array.from(new BigUint64Array(this.#copy.getMappedRange()), (ns) => Number(ns) / 1e9);
    this.#copy.unmap();
    return times;
  }

  close(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
    this.#copy.destroy();
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
