/** Axes for swept parameters, and parameter values as text. */
import type { Domain, Parameters, ParameterValue, Space } from '../../population/domain.js';
import { short } from '../numbers.js';
import { linearScale, logScale, type Scale } from '../scale.js';

export interface ParameterAxis {
  name: string;
  kind: 'linear' | 'log' | 'choices';
  scale: Scale;
  /** The coordinate of a value. */
  place(value: ParameterValue): number;
}

/** A parameter's axis: over its domain or, if that is unbounded, over the values that occurred. */
export function parameterAxis(name: string, domain: Domain, values: readonly ParameterValue[]): ParameterAxis {
  if (domain.type === 'categorical') return choicesAxis(name, domain.choices);
  const numbers = values.filter((value) => typeof value === 'number');
  const [low, high] =
    domain.type === 'uniform' ? [domain.low, domain.high] : [Math.min(...numbers), Math.max(...numbers)];
  const scale = domain.log && low > 0 ? logScale(Math.log10(low), Math.log10(high)) : linearScale(low, high);
  const whole = domain.step !== null && Number.isInteger(domain.step) && scale.kind === 'linear';
  const ticks = whole ? scale.ticks.filter(({ at }) => Number.isInteger(at)) : scale.ticks;
  return { name, kind: scale.kind, scale: { ...scale, ticks }, place: (value) => scale.place(Number(value)) };
}

/** Choices are evenly spaced. */
function choicesAxis(name: string, choices: readonly ParameterValue[]): ParameterAxis {
  const ticks = choices.map((choice, at) => ({ at, label: valueText(choice) }));
  const scale: Scale = { kind: 'linear', min: -0.5, max: choices.length - 0.5, ticks, place: (value) => value };
  return { name, kind: 'choices', scale, place: (value) => choices.indexOf(value) };
}

/** Jitter for trials with the same choice: the golden ratio spreads any number of them. 0 on other axes. */
export function jitterOf({ kind }: ParameterAxis, trial: number): number {
  return kind === 'choices' ? (((trial * 0.618034) % 1) - 0.5) * 0.5 : 0;
}

/** A parameter's value formatted for people. */
export function valueText(value: ParameterValue | undefined): string {
  if (value === undefined) return '-';
  return typeof value === 'number' ? short(value) : String(value);
}

/** Parameters within a sentence, as in `unroll 5, clip 0.3`. */
export function parametersText(space: Space, parameters: Parameters): string {
  return space.map(({ name }) => `${name} ${valueText(parameters[name])}`).join(', ');
}

/** The values that trials have: the range of a numeric parameter, the choices of a categorical one. */
export function valuesText({ name, domain }: Space[number], all: readonly Parameters[]): string {
  const values = all.map((parameters) => parameters[name]!);
  if (domain.type === 'categorical') {
    return domain.choices
      .filter((choice) => values.includes(choice))
      .map(valueText)
      .join(' or ');
  }
  const numbers = values.map(Number);
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  return low === high ? valueText(low) : `${valueText(low)} to ${valueText(high)}`;
}
