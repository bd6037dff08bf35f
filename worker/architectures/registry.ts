/** The registry of update rules. */
import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import { LoptError } from '../../shared/errors.js';
import type { UpdateRule } from './architecture.js';
import { lstmRule } from './lstm/rule.js';

const rules = new Map<string, UpdateRule>([lstmRule].map((rule) => [rule.type, rule]));

/** Every update rule by its type; a new one is added above. */
export const RULES: ReadonlyMap<string, UpdateRule> = rules;

/** Registers an update rule in this thread. Throws LoptError if its type is taken. */
export function addRule<Config extends ArchitectureConfig>(rule: UpdateRule<Config>): void {
  if (rules.has(rule.type))
    throw new LoptError(`Cannot add update rule "${rule.type}": there is already one of this type`);
  rules.set(rule.type, rule);
}

/** The update rule of a configuration. Throws LoptError that names the known types if there is none. */
export function ruleOf({ type }: { readonly type: string }): UpdateRule {
  const rule = rules.get(type);
  if (rule) return rule;
  throw new LoptError(`Cannot compute architecture "${type}": it must be one of ${[...rules.keys()].join(', ')}`);
}
