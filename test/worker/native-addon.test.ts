/** What the native addon does with arguments and lifetimes that no engine would give it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { MAXIMUM_LAYERS } from '../../shared/architectures/lstm.js';
import { createNativeKernel } from '../../worker/architectures/lstm/native/native-kernel.js';
import { loadNative, nativeFault } from '../../worker/devices/native/load.js';
import { until } from '../fixtures/until.js';

interface Passes {
  attach(buffer: ArrayBuffer): void;
  loadPhi(at: number): void;
  backwardBlock(...numbers: number[]): void;
}

interface Addon {
  lstm(set: number, strict: number, inputs: number, outputScale: number, ...numbers: number[]): Passes;
}

/** e^−p, 1/p and e^p of LogAndSign. */
const P = [Math.exp(-10), 0.1, Math.exp(10)] as const;

const NETWORK = { type: 'lstm', layers: [3], preprocessing: 'none', outputScale: 1, logAndSignP: 10 } as const;

/** A kernel of three units with 64 KiB of memory. */
function newPasses(): Passes {
  const { addon, set } = loadNative<Addon>();
  const passes = addon.lstm(set, 0, 0, 1, ...P, 3);
  passes.attach(addon.allocate(65536));
  return passes;
}

/** The garbage collector, which finalizers follow. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

describe('the native addon', { skip: nativeFault() }, () => {
  const at = 64;

  it('refuses steps and strides whose product overflows, that go backwards or that are no whole floats', () => {
    const passes = newPasses();
    const width = 8;
    const call = (steps: number, stride: number) => passes.backwardBlock(at, steps, at, stride, at, 0, at, at, width);
    call(1, 4 * width);
    // 4 steps of 2^62 floats are 0 floats to a processor
    for (const stride of [2 ** 64, -4, 6, Number.NaN, Number.POSITIVE_INFINITY])
      assert.throws(() => call(4, stride), RangeError);
    for (const steps of [0, -1, 2 ** 31, 1e9, Number.NaN]) assert.throws(() => call(steps, 4 * width), RangeError);
  });

  it('refuses arrays between floats, and memory that is none', () => {
    const passes = newPasses();
    for (const offset of [65, 66, 67]) assert.throws(() => passes.loadPhi(offset), RangeError);
    for (const memory of [{}, undefined, new SharedArrayBuffer(64)]) {
      assert.throws(() => passes.attach(memory as ArrayBuffer), /^Error: Cannot compute natively/);
    }
    passes.loadPhi(at);
  });

  it('takes networks of the most layers and units that there may be, and no larger ones', () => {
    const { addon, set } = loadNative<Addon>();
    const create = (...units: number[]) => addon.lstm(set, 0, 3, 1, ...P, ...units);
    create(512, 512);
    create(...Array(MAXIMUM_LAYERS).fill(1));
    for (const units of [[], [0], [513], [Number.NaN], Array(MAXIMUM_LAYERS + 1).fill(1)]) {
      assert.throws(() => create(...units), RangeError);
    }
    assert.throws(() => addon.lstm(99, 0, 3, 1, ...P, 3), RangeError);
  });

  it('keeps a kernel as long as any of its methods', async () => {
    const collect = collector();
    let collected = 0;
    const registry = new FinalizationRegistry(() => {
      collected += 1;
    });
    const count = 200;
    const methods = Array.from({ length: count }, (_, i) => {
      const passes = newPasses();
      registry.register(passes, i);
      return passes.loadPhi;
    });
    await until(() => {
      collect();
      return collected > count / 2;
    });
    for (const loadPhi of methods) loadPhi(at);
  });

  it('frees memory once that Node does not take', async () => {
    const { addon } = loadNative();
    const collect = collector();
    // Node 20 takes 4 GiB; no machine has the second
    for (const bytes of [2 ** 32 + 64, 2 ** 46]) {
      try {
        addon.allocate(bytes);
      } catch (error) {
        assert.ok(error instanceof RangeError);
      }
    }
    assert.throws(() => addon.allocate(-1), RangeError);
    collect();
    // finalizers run in a later turn
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(addon.allocate(0).byteLength, 0);
  });

  it('is torn down with the threads that loaded it', async () => {
    const url = new URL('../../worker/architectures/lstm/native/native-kernel.js', import.meta.url).href;
    const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      import(workerData.url).then(({ createNativeKernel }) => {
        globalThis.kernels = Array.from({ length: 20 }, () => createNativeKernel(workerData.network, false));
        for (const { memory, passes } of kernels) passes.loadPhi(memory.allocate(1 << 16));
        parentPort.postMessage('loaded');
        if (workerData.stays) setInterval(() => {}, 1000);
      });`;
    const exits = Array.from({ length: 6 }, async (_, i) => {
      const worker = new Worker(code, { eval: true, workerData: { url, network: NETWORK, stays: i % 2 === 1 } });
      await once(worker, 'message');
      if (i % 2 === 1) await worker.terminate();
      else assert.deepEqual(await once(worker, 'exit'), [0]);
    });
    await Promise.all(exits);
    const { memory, passes } = createNativeKernel(NETWORK, false);
    passes.loadPhi(memory.allocate(1 << 16));
  });
});
