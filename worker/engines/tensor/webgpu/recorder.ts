/** Records the dispatches of TensorFlow.js, to replay them without it. */
import type { DeviceBuffers } from '../../../devices/webgpu/device-buffers.js';

/** The part of tfjs-backend-webgpu that is used here. */
interface RecordingBackend {
  readonly tensorMap: { get(id: object): { resource: GPUBuffer } };
  bufferManager: BufferManager;
  commandEncoder: GPUCommandEncoder | null;
  computePassEncoder: Pick<GPUComputePassEncoder, 'setPipeline' | 'setBindGroup' | 'dispatchWorkgroups' | 'end'> | null;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
  recordAndSubmit(program: Program, output: TensorInfo, inputs: readonly TensorInfo[], uniforms: unknown): void;
}

interface BufferManager {
  acquireBuffer(bytes: number, usage: number): GPUBuffer;
  releaseBuffer(buffer: GPUBuffer): void;
}

/** An operation of TensorFlow.js, ready to be dispatched. */
interface Program {
  pipeline: GPUComputePipeline;
  dispatch: [number, number, number];
}

interface TensorInfo {
  dataId: object;
}

/** One dispatch. Its bind group holds the buffers that it reads and the one that it writes. */
interface Dispatch {
  pipeline: GPUComputePipeline;
  bindGroup: GPUBindGroup;
  workgroups: readonly [number, number, number];
  inputs: readonly GPUBuffer[];
  output: GPUBuffer;
}

/** The dispatches of some operations, in order. */
export interface Recording<Result> {
  /** Dispatches whose results do not depend on the varying buffers. */
  constant: readonly Dispatch[];
  /** Dispatches whose results depend on them. */
  varying: readonly Dispatch[];
  result: Result;
}

/**
 * Runs operations and records their dispatches. Every tensor that they make has its own buffer, which is never
 * reused, so a replay finds each buffer as it was left. `run` must dispose of the tensors that it makes.
 *
 * @param backend the current one of TensorFlow.js
 * @param buffers where the tensors' buffers come from
 * @param run calls `vary` for each buffer whose contents change between replays
 */
export function record<Result>(
  backend: object,
  buffers: DeviceBuffers,
  run: (vary: (buffer: GPUBuffer) => void) => Result,
): Recording<Result> {
  const patched = backend as RecordingBackend;
  const { bufferManager } = patched;
  const { recordAndSubmit } = patched;
  const varied = new Set<GPUBuffer>();
  const dispatches: Dispatch[] = [];
  const bufferOf = ({ dataId }: TensorInfo): GPUBuffer => patched.tensorMap.get(dataId).resource;

  submit(patched);
  patched.bufferManager = {
    acquireBuffer: (bytes, usage) => buffers.create('recorded', bytes, usage),
    releaseBuffer() {},
  };
  patched.recordAndSubmit = (program, output, inputs, uniforms) => {
    const bindGroup = bindGroupOf(patched, () => recordAndSubmit.call(patched, program, output, inputs, uniforms));
    const { pipeline, dispatch } = program;
    dispatches.push({
      pipeline,
      bindGroup,
      workgroups: dispatch,
      inputs: inputs.map(bufferOf),
      output: bufferOf(output),
    });
  };
  try {
    const result = run((buffer) => varied.add(buffer));
    return { ...divide(dispatches, varied), result };
  } finally {
    // releases what was disposed of while releasing still does nothing
    submit(patched);
    patched.bufferManager = bufferManager;
    patched.recordAndSubmit = recordAndSubmit;
  }
}

/**
 * Separates the dispatches that depend on the varying buffers from the rest, each in order. A dispatch also depends on
 * them if a dependent one writes to the same buffer, before it or after: zeros to which products are added must be
 * written again every time.
 */
function divide(
  dispatches: readonly Dispatch[],
  given: ReadonlySet<GPUBuffer>,
): Pick<Recording<unknown>, 'constant' | 'varying'> {
  const varied = new Set(given);
  const depends = ({ inputs, output }: Dispatch) => varied.has(output) || inputs.some((input) => varied.has(input));
  let known: number;
  do {
    known = varied.size;
    for (const dispatch of dispatches) if (depends(dispatch)) varied.add(dispatch.output);
  } while (varied.size > known);
  return {
    constant: dispatches.filter((dispatch) => !depends(dispatch)),
    varying: dispatches.filter(depends),
  };
}

/** Appends dispatches in a compute pass. */
export function encodeDispatches(encoder: GPUCommandEncoder, dispatches: readonly Dispatch[]): void {
  const pass = encoder.beginComputePass();
  let current: GPUComputePipeline | undefined;
  for (const { pipeline, bindGroup, workgroups } of dispatches) {
    if (pipeline !== current) pass.setPipeline(pipeline);
    current = pipeline;
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(...workgroups);
  }
  pass.end();
}

/** The bind group of the only dispatch that `dispatch` makes. */
function bindGroupOf(backend: RecordingBackend, dispatch: () => void): GPUBindGroup {
  let found: GPUBindGroup | undefined;
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  const pass = backend.commandEncoder!.beginComputePass();
  backend.computePassEncoder = {
    setPipeline: (pipeline) => pass.setPipeline(pipeline),
    setBindGroup(index: number, bindGroup: GPUBindGroup) {
      found = bindGroup;
      pass.setBindGroup(index, bindGroup);
    },
    dispatchWorkgroups: (x, y, z) => pass.dispatchWorkgroups(x, y, z),
    end: () => pass.end(),
  } as RecordingBackend['computePassEncoder'];
  dispatch();
  return found!;
}

/** Submits all commands, even if there are none, which also releases what was disposed of. */
function submit(backend: RecordingBackend): void {
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  backend.submitQueue();
}
