/** An architecture's configuration for other programs. */
import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import { DEFAULT_ARCHITECTURE } from '../../shared/architectures/registry.js';

/** The value of a property. */
export type Property = string | number | boolean | readonly number[];

/** The options of an architecture with names in snake_case; its type is omitted if it is the default. */
export function propertiesOf({ type, ...options }: ArchitectureConfig): Record<string, Property> {
  const named = Object.entries(options).map(([name, value]) => [
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value,
  ]);
  return { ...(type === DEFAULT_ARCHITECTURE ? {} : { architecture: type }), ...Object.fromEntries(named) };
}
