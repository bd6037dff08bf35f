/** The architectures that lopt knows, and what all of them have in common. */
import { canonicalJson } from '../canonical-json.js';
import type { Shape } from '../shape.js';
import { TypeRegistry } from '../type-registry.js';
import type { ArchitectureConfig, ArchitectureSpec } from './architecture.js';
import { lstm } from './lstm.js';
import { mlp } from './mlp.js';

const registry = new TypeRegistry<ArchitectureSpec>(
  { add: 'Cannot add architecture', find: 'Cannot find architecture' },
  [lstm, mlp],
);

/** Every architecture by its type; a new one is added above. */
export const ARCHITECTURES = registry.entries;

/** The type of a φ file that states none, and of a run that names none. */
export const DEFAULT_ARCHITECTURE = 'lstm';

/** Adds an architecture to those of this thread. Throws LoptError if its type is taken. */
export function addArchitecture<Config extends ArchitectureConfig>(spec: ArchitectureSpec<Config>): void {
  registry.add(spec);
}

/** The specification of a configuration. Throws LoptError that names the known types. */
export function architectureOf(config: { readonly type: string }): ArchitectureSpec {
  return registry.get(config);
}

/** Whether two configurations are of the same learned optimizer, so that a φ of one fits the other. */
export function sameArchitecture(a: ArchitectureConfig, b: ArchitectureConfig): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

/** The configuration of any architecture, as in a message. */
export const architectureShape: Shape<ArchitectureConfig> = registry.shape(({ shape }) => shape);
