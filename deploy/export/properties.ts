/** The configuration of an architecture as other programs read it. */
import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import { DEFAULT_ARCHITECTURE } from '../../shared/architectures/registry.js';

/** The value of a property. */
export type Property = string | number | boolean | readonly number[];

/** The options of an architecture under their names in snake_case, and its type unless that is what files without one have. */
export function propertiesOf({ type, ...options }: ArchitectureConfig): Record<string, Property> {
  const named = Object.entries(options).map(([name, value]) => [
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value,
  ]);
  return { ...(type === DEFAULT_ARCHITECTURE ? {} : { architecture: type }), ...Object.fromEntries(named) };
}
