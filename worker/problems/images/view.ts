/** How an episode sees the images: labels by other names, pixels inverted. */
import { fillUniform, type Key } from '../../../shared/random.js';
import type { OptionSpec, OptionValues } from '../problem.js';
import { streamKey } from '../streams.js';
import type { ImageKind } from './image-set.js';

/** What an episode makes of an image's bytes and its label. */
export interface ImageView {
  /** The label that stands for each class, [classes]. */
  readonly labels: Uint8Array;
  /** Whether a byte b counts as 255 − b. */
  readonly inverted: boolean;
}

/** The view of the episode with a key. */
export type ViewOf = (key: Key) => ImageView;

/** The option of families that read pixels. */
export const INVERSION_OPTION = {
  'invert-share': {
    type: 'number',
    default: 0,
    minimum: 0,
    maximum: 1,
    describe: 'share of the episodes whose images are inverted, 255 minus the byte, in every split',
  },
} as const satisfies Record<string, OptionSpec>;

/** The options of families that read pixels and labels. */
export const VIEW_OPTIONS = {
  'permute-labels': {
    type: 'choice',
    default: 'false',
    choices: ['true', 'false'],
    describe: 'whether every episode permutes the labels, in every split',
  },
  ...INVERSION_OPTION,
} as const satisfies Record<string, OptionSpec>;

/** The views that the options ask for. */
export function viewsOf({ classes }: Pick<ImageKind, 'classes'>, options: OptionValues): ViewOf {
  const share = (options['invert-share'] ?? 0) as number;
  const permuted = options['permute-labels'] === 'true';
  const ordered = Uint8Array.from({ length: classes }, (_, label) => label);
  const viewFor = (key: Key): ImageView => ({
    labels: permuted ? permutation(streamKey(key, 'labels', 0), ordered) : ordered,
    inverted: streamKey(key, 'inversion', 0)[0] < share * 2 ** 32,
  });
  // a shard asks for that of one key at every step
  let last: { key: Key; view: ImageView } | undefined;
  return (key) => {
    if (last?.key[0] !== key[0] || last.key[1] !== key[1]) last = { key, view: viewFor(key) };
    return last.view;
  };
}

/** Images as they are. */
export function plainView({ classes }: Pick<ImageKind, 'classes'>): ViewOf {
  return viewsOf({ classes }, {});
}

/** The labels in random order (Fisher and Yates 1938). */
function permutation(key: Key, labels: Uint8Array): Uint8Array {
  const permuted = labels.slice();
  const draws = new Float32Array(labels.length);
  fillUniform(key, draws);
  for (let i = permuted.length - 1; i > 0; i--) {
    const j = Math.floor(draws[i]! * (i + 1));
    [permuted[i], permuted[j]] = [permuted[j]!, permuted[i]!];
  }
  return permuted;
}

/** Images of at most so many bytes are copied faster by a loop than by a call. */
const FEW = 256;

/** Copies image `index` of `pixels`, `size` bytes each, as an episode sees it, to where it begins in `target`. */
export function copyImage(
  pixels: Uint8Array,
  index: number,
  size: number,
  { inverted }: ImageView,
  target: Uint8Array,
  at: number,
): void {
  const from = index * size;
  if (inverted) for (let i = 0; i < size; i++) target[at + i] = 255 - pixels[from + i]!;
  else if (size <= FEW) for (let i = 0; i < size; i++) target[at + i] = pixels[from + i]!;
  else target.set(pixels.subarray(from, from + size), at);
}
