/** Uploads the values of tensors to the device. */

/** The part of tfjs-backend-webgpu that is used here. */
interface UploadingBackend {
  readonly tensorMap: { get(id: object): TensorData };
  uploadToGPU(id: object): void;
}

/** What the backend stores for a tensor: its values on the host, its buffer, or neither before it is computed. */
interface TensorData {
  readonly dtype: string;
  values: ArrayLike<number> | null | undefined;
  resource: GPUBuffer | null | undefined;
}

/**
 * Makes a backend write values through the queue, which reuses its staging memory. By default it makes a mappable
 * buffer for every upload, even of a scalar; Dawn allocates, maps and frees device memory for each, which took 1 to 2
 * ms on an NVIDIA driver.
 *
 * A write overtakes the commands that are not submitted yet. That is safe, since the backend reuses a buffer only after
 * the commands that use it were submitted.
 */
export function uploadThroughQueue(backend: object, queue: GPUQueue): void {
  const patched = backend as UploadingBackend;
  const upload = patched.uploadToGPU.bind(patched);
  patched.uploadToGPU = (id) => {
    const data = patched.tensorMap.get(id);
    const { values } = data;
    if (data.resource || !values) {
      upload(id);
      return;
    }
    // without values, the backend only allocates a buffer for the tensor
    data.values = null;
    upload(id);
    queue.writeBuffer(data.resource!, 0, bytesOf(data.dtype, values));
  };
}

/** Numbers as shaders read them, with booleans as integers. */
function bytesOf(dtype: string, values: ArrayLike<number>): Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> {
  if (dtype !== 'float32') return new Int32Array(values);
  if (values instanceof Float32Array && values.buffer instanceof ArrayBuffer) {
    return values as Float32Array<ArrayBuffer>;
  }
  return new Float32Array(values);
}
