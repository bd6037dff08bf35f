/** Takes down the dispatches of TensorFlow.js, to repeat them without it. */
import type { DeviceBuffers } from '../../../devices/webgpu/device-buffers.js';

/** As much of tfjs-backend-webgpu as is needed here. */
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

/** What operations do, in their order. */
export interface Recording<Result> {
  /** What has the same outcome whatever is in the buffer that varies. */
  constant: readonly Dispatch[];
  /** What follows from that buffer. */
  varying: readonly Dispatch[];
  result: Result;
}

/**
 * Runs operations, and takes down what they dispatch. Every tensor that they make has a buffer of its own, which is never
 * given to another: a repetition finds each of them as it was left. Tensors made by `run` are to be disposed of there.
 *
 * @param backend of TensorFlow.js, which is set
 * @param buffers where the tensors' buffers come from
 * @param run calls `vary` for the buffer that repetitions find with other contents
 */
export function record<Result>(
  backend: object,
  buffers: DeviceBuffers,
  run: (vary: (buffer: GPUBuffer) => void) => Result,
): Recording<Result> {
  const own = backend as RecordingBackend;
  const { bufferManager } = own;
  const { recordAndSubmit } = own;
  const varied = new Set<GPUBuffer>();
  const dispatches: Dispatch[] = [];
  const bufferOf = ({ dataId }: TensorInfo): GPUBuffer => own.tensorMap.get(dataId).resource;

  submit(own);
  own.bufferManager = {
    acquireBuffer: (bytes, usage) => buffers.create('recorded', bytes, usage),
    releaseBuffer() {},
  };
  own.recordAndSubmit = (program, output, inputs, uniforms) => {
    const bindGroup = bindGroupOf(own, () => recordAndSubmit.call(own, program, output, inputs, uniforms));
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
    // what was disposed of is released here, where that does nothing
    submit(own);
    own.bufferManager = bufferManager;
    own.recordAndSubmit = recordAndSubmit;
  }
}

/**
 * What follows from the buffers that vary, and the rest, each in its order. A dispatch also follows where another one that
 * does writes to the same buffer, before it or after: zeros to which products are added must be there anew every time.
 */
function divide(
  dispatches: readonly Dispatch[],
  given: ReadonlySet<GPUBuffer>,
): Pick<Recording<unknown>, 'constant' | 'varying'> {
  const varied = new Set(given);
  const follows = ({ inputs, output }: Dispatch) => varied.has(output) || inputs.some((input) => varied.has(input));
  let known: number;
  do {
    known = varied.size;
    for (const dispatch of dispatches) if (follows(dispatch)) varied.add(dispatch.output);
  } while (varied.size > known);
  return {
    constant: dispatches.filter((dispatch) => !follows(dispatch)),
    varying: dispatches.filter(follows),
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

/** The bind group of the one dispatch that this makes. */
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

/** Submits what there is, also nothing: then what was disposed of is released. */
function submit(backend: RecordingBackend): void {
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  backend.submitQueue();
}
