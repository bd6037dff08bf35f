/** The registry of update rules. */
import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import { TypeRegistry } from '../../shared/type-registry.js';
import type { UpdateRule } from './architecture.js';
import { lstmRule } from './lstm/rule.js';
import { mlpRule } from './mlp/rule.js';

const registry = new TypeRegistry<UpdateRule>({ add: 'Cannot add update rule', find: 'Cannot compute architecture' }, [
  lstmRule,
  mlpRule,
]);

/** Every update rule by its type; a new one is added above. */
export const RULES = registry.entries;

/** Registers an update rule in this thread. Throws LoptError if its type is taken. */
export function addRule<Config extends ArchitectureConfig>(rule: UpdateRule<Config>): void {
  registry.add(rule);
}

/** The update rule of a configuration. Throws LoptError that names the known types if there is none. */
export function ruleOf(config: { readonly type: string }): UpdateRule {
  return registry.get(config);
}
