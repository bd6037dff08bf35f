/** Smaller images by area averaging. */
import type { ImageShape } from './image-set.js';

/** How much of a pixel of the input belongs to a pixel of the output, in units in which all of them are whole numbers. */
interface Share {
  pixel: number;
  weight: number;
}

/**
 * Images [count × height × width × channels] averaged to `side` × `side` pixels: a pixel is the mean of the input over
 * its height/side × width/side window, in which a pixel counts by the area of it that is inside, rounded to the nearest
 * byte (halves up). The sums are of integers, so they are exact.
 *
 * @param side from 1 to the smaller of height and width
 * @param into where the result goes, [count × side × side × channels]
 */
export function areaAverage(
  pixels: Uint8Array,
  { height, width, channels }: ImageShape,
  side: number,
  into: Uint8Array,
): void {
  const rows = sharesOf(height, side);
  const columns = sharesOf(width, side);
  const area = height * width;
  const stride = width * channels;
  const bands = new Float64Array(stride);
  let to = 0;
  for (let from = 0; from < pixels.length; from += height * stride) {
    for (const window of rows) {
      bands.fill(0);
      for (const { pixel, weight } of window) {
        const at = from + pixel * stride;
        for (let i = 0; i < stride; i++) bands[i]! += weight * pixels[at + i]!;
      }
      for (const across of columns) {
        for (let channel = 0; channel < channels; channel++) {
          let sum = 0;
          for (const { pixel, weight } of across) sum += weight * bands[pixel * channels + channel]!;
          into[to++] = Math.floor((2 * sum + area) / (2 * area));
        }
      }
    }
  }
}

/** The pixels in each of `side` windows of a line of `length` pixels, in units of 1/side of a pixel. */
function sharesOf(length: number, side: number): Share[][] {
  return Array.from({ length: side }, (_, window) => {
    const [start, end] = [window * length, (window + 1) * length];
    const first = Math.floor(start / side);
    return Array.from({ length: Math.ceil(end / side) - first }, (_pixel, i): Share => {
      const pixel = first + i;
      return { pixel, weight: Math.min(end, (pixel + 1) * side) - Math.max(start, pixel * side) };
    });
  });
}
