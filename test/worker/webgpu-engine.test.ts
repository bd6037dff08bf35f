import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LstmConfig } from '../../shared/architectures/lstm.js';
import { seedKey } from '../../shared/random.js';
import { packState, planLstm, SOFTWARE_VARIANT, unpackState } from '../../worker/architectures/lstm/webgpu/plan.js';
import { WebGpuKernel } from '../../worker/architectures/lstm/webgpu/webgpu-kernel.js';
import { useBackend } from '../../worker/devices/backend.js';
import { DeviceLostError } from '../../worker/devices/device-watch.js';
import { loadWebGpu } from '../../worker/devices/webgpu/load.js';
import { TensorEngine } from '../../worker/engines/tensor/tensor-engine.js';
import { recordedGradient } from '../../worker/engines/tensor/webgpu/recorded-gradient.js';
import { createWebGpuEngine } from '../../worker/engines/tensor/webgpu/webgpu-engine.js';
import type { Tf } from '../../worker/problems/problem.js';
import { familyNamed, optionValues } from '../../worker/problems/registry.js';
import { somePhi } from '../contracts/engine.js';
import { testTensorEngine } from '../contracts/tensor-engine.js';
import { LoadedEngine } from '../fixtures/loaded-engine.js';
import { webGpuMissing } from '../fixtures/swiftshader.js';

const skip = await webGpuMissing();
const { device, software } = skip === undefined ? await loadWebGpu() : { device: undefined, software: false };
const variant = software ? SOFTWARE_VARIANT : {};

async function load(): Promise<Tf> {
  const { tf } = await loadWebGpu();
  useBackend(tf, 'webgpu');
  return tf;
}

const kernels = new Set<WebGpuKernel>();

for (const [name, stateBudget] of [
  ['webgpu', 2 ** 31],
  ['webgpu replaying', 0],
] as const) {
  testTensorEngine({
    name,
    skip,
    load,
    kernel(tf, architecture) {
      const kernel = new WebGpuKernel({ tf, device: device!, network: architecture, variant, stateBudget });
      kernels.clear();
      kernels.add(kernel);
      return kernel;
    },
    stationaryGradient: (tf, problems) => recordedGradient({ tf, device: device!, problems }),
    held: () => [...kernels].reduce((sum, { lstm }) => sum + lstm.bufferCount, 0),
    encode: (layers, architecture, coordinates) =>
      packState(planLstm(architecture, device!.limits, variant), coordinates, layers),
    decode: (hidden, architecture, coordinates) =>
      unpackState(planLstm(architecture, device!.limits, variant), coordinates, hidden),
  });
}

describe('createWebGpuEngine()', { skip: skip ?? false }, () => {
  const architecture: LstmConfig = {
    type: 'lstm',
    layers: [4, 3],
    preprocessing: 'log-and-sign',
    outputScale: 0.1,
    logAndSignP: 10,
  };

  it('window() gives the same bits whether the states of a window are kept or replayed', async () => {
    const family = familyNamed('quadratic');
    const problems = await family.configure(optionValues(family, { dimension: 13, 'initial-scale': 1 }));
    const tf = await load();
    const results = [];
    for (const stateBudget of [2 ** 31, 0]) {
      const kernel = new WebGpuKernel({ tf, device: device!, network: architecture, variant, stateBudget });
      const made = new TensorEngine({ tf, name: 'webgpu', problems, architecture, kernel });
      const engine = new LoadedEngine(made, somePhi(architecture));
      const state = await engine.begin(seedKey(2), 9, 'train');
      results.push(await engine.window({ state, steps: 4 }));
      engine.close();
    }
    assert.deepEqual(results[0], results[1]);
  });

  it('tells of a lost device in an error of its own, and goes on with the same bits on another', async () => {
    const family = familyNamed('quadratic');
    const problems = await family.configure(optionValues(family, { dimension: 3 }));
    const results = [];
    for (const lose of [true, false]) {
      const engine = new LoadedEngine(await createWebGpuEngine({ problems, architecture }), somePhi(architecture));
      const state = await engine.begin(seedKey(2), 3, 'train');
      results.push(await engine.window({ state, steps: 3 }));
      if (lose) {
        (await loadWebGpu()).device.destroy();
        await assert.rejects(
          engine.window({ state, steps: 3 }),
          (error) =>
            error instanceof DeviceLostError && /^The device of engine "webgpu" was lost: /.test(error.message),
        );
      }
      engine.close();
    }
    assert.deepEqual(results[1]!.metaGradient, results[0]!.metaGradient);
  });
});
