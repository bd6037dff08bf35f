/** The architectures that lopt knows, and what all of them have in common. */
import { canonicalJson } from '../canonical-json.js';
import { LoptError } from '../errors.js';
import { type Shape, shapeError } from '../shape.js';
import type { ArchitectureConfig, ArchitectureSpec } from './architecture.js';
import { lstm } from './lstm.js';

const specs = new Map<string, ArchitectureSpec>([lstm].map((spec) => [spec.type, spec]));

/** Every architecture by its type; a new one is added above. */
export const ARCHITECTURES: ReadonlyMap<string, ArchitectureSpec> = specs;

/** The type of a φ file that states none, and of a run that names none. */
export const DEFAULT_ARCHITECTURE = 'lstm';

/** Adds an architecture to those of this thread. Throws LoptError if its type is taken. */
export function addArchitecture<Config extends ArchitectureConfig>(spec: ArchitectureSpec<Config>): void {
  if (specs.has(spec.type)) throw new LoptError(`Cannot add architecture "${spec.type}": this type is taken`);
  specs.set(spec.type, spec);
}

/** The specification of a configuration. Throws LoptError that names the known types. */
export function architectureOf({ type }: { readonly type: string }): ArchitectureSpec {
  const spec = specs.get(type);
  if (spec) return spec;
  throw new LoptError(`Cannot find architecture "${type}": it must be one of ${[...specs.keys()].join(', ')}`);
}

/** Whether two configurations are of the same learned optimizer, so that a φ of one fits the other. */
export function sameArchitecture(a: ArchitectureConfig, b: ArchitectureConfig): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

/** The configuration of any architecture, as in a message. */
export const architectureShape: Shape<ArchitectureConfig> = (value, at) => {
  const type = (value as { type?: unknown } | null | undefined)?.type;
  const spec = typeof type === 'string' ? specs.get(type) : undefined;
  if (!spec) throw shapeError(`${at}.type`, `one of ${[...specs.keys()].join(', ')}`, type);
  return spec.shape(value, at);
};
