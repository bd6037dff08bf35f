/** Caches compiled shaders by device, since the engines of a mix share them. */

const compiled = new WeakMap<GPUDevice, Map<string, GPUComputePipeline>>();

/** The pipeline of a shader on a device. */
export function pipelineOf(device: GPUDevice, label: string, code: string): GPUComputePipeline {
  let own = compiled.get(device);
  if (!own) {
    own = new Map();
    compiled.set(device, own);
  }
  let pipeline = own.get(code);
  if (!pipeline) {
    const module = device.createShaderModule({ label, code });
    pipeline = device.createComputePipeline({ label, layout: 'auto', compute: { module } });
    own.set(code, pipeline);
  }
  return pipeline;
}
