/** Domains in the form of Optuna's distributions. */
import { axisOf, type Domain, type ParameterValue, valueAt } from '../domain.js';

/** Optuna's JSON for a domain. It omits the probabilities of choices, and bounds a normal domain. */
export function distributionJson(domain: Domain): string {
  if (domain.type === 'categorical') {
    return JSON.stringify({ name: 'CategoricalDistribution', attributes: { choices: domain.choices } });
  }
  const axis = axisOf(domain);
  const low = domain.type === 'uniform' ? domain.low : valueAt(domain, axis.low);
  const high = domain.type === 'uniform' ? domain.high : valueAt(domain, axis.high);
  const { log, step } = domain;
  const whole = step !== null && [step, low, high].every(Number.isInteger);
  // Optuna supports steps on linear axes only
  if (whole && (!log || step === 1)) {
    return JSON.stringify({ name: 'IntDistribution', attributes: { log, step, low, high } });
  }
  return JSON.stringify({ name: 'FloatDistribution', attributes: { step: log ? null : step, low, high, log } });
}

/** Optuna's internal value of a parameter: the number, or the index of the choice. */
export function internalValue(domain: Domain, value: ParameterValue): number {
  return domain.type === 'categorical' ? domain.choices.indexOf(value) : (value as number);
}

/** The value of a parameter, from Optuna's internal value. */
export function externalValue(domain: Domain, internal: number): ParameterValue {
  return domain.type === 'categorical' ? domain.choices[internal]! : internal;
}
