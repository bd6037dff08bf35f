/** How the values of tensors come to the device. */

/** As much of tfjs-backend-webgpu as is needed here. */
interface UploadingBackend {
  readonly tensorMap: { get(id: object): TensorData };
  uploadToGPU(id: object): void;
}

/** What the backend knows of a tensor: its values on the host, or its buffer, or neither before it is computed. */
interface TensorData {
  readonly dtype: string;
  values: ArrayLike<number> | null | undefined;
  resource: GPUBuffer | null | undefined;
}

/**
 * Lets a backend write values through the queue, whose staging memory is used again and again. Its own way is a mappable
 * buffer for every upload, a scalar's too; Dawn allocates device memory for each of them, maps it and frees it again,
 * which took 1 to 2 ms on an NVIDIA driver.
 *
 * What is written comes before the commands that are not submitted yet. That is right, since the backend gives a buffer
 * out again only after the commands that use it were submitted.
 */
export function uploadThroughQueue(backend: object, queue: GPUQueue): void {
  const own = backend as UploadingBackend;
  const upload = own.uploadToGPU.bind(own);
  own.uploadToGPU = (id) => {
    const data = own.tensorMap.get(id);
    const { values } = data;
    if (data.resource || !values) {
      upload(id);
      return;
    }
    // without values the backend gives the tensor a buffer, and writes nothing
    data.values = null;
    upload(id);
    queue.writeBuffer(data.resource!, 0, bytesOf(data.dtype, values));
  };
}

/** Numbers as shaders read them: booleans are integers there. */
function bytesOf(dtype: string, values: ArrayLike<number>): Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> {
  if (dtype !== 'float32') return new Int32Array(values);
  if (values instanceof Float32Array && values.buffer instanceof ArrayBuffer) {
    return values as Float32Array<ArrayBuffer>;
  }
  return new Float32Array(values);
}
