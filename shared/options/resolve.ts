/** The options of a run, from what is given, what its problem family advises, and the φ that it starts from. */
import type { ArchitectureConfig } from '../architectures/architecture.js';
import {
  ARCHITECTURES,
  architectureOf,
  architectureShape,
  DEFAULT_ARCHITECTURE,
  sameArchitecture,
} from '../architectures/registry.js';
import { combinationFault } from '../combination.js';
import { augmentationShape } from '../config-shape.js';
import { UsageError } from '../errors.js';
import type { EstimatorConfig } from '../estimators/estimator.js';
import { DEFAULT_ESTIMATOR, estimatorOf, estimatorShape } from '../estimators/registry.js';
import type { AugmentationConfig } from '../training.js';
import { build, valueIn } from './build.js';
import type { RunValues } from './option.js';
import { withRanges } from './ranges.js';
import { type ChosenTypes, optionTable, rowsFor, type TableRow } from './table.js';
import { type Advice, checkTogether, type Given, valuesOf } from './values.js';

/** What a problem family advises, by the names of advice. */
export interface FamilyAdvice {
  readonly secondDerivatives?: boolean;
  /** What it advises instead if second derivatives are dropped. */
  readonly firstOrder?: object;
}

/** What the options of a run follow from. */
export interface Request {
  /** What could not be done if something is wrong, as in "Cannot train". */
  readonly task: string;
  readonly given: Given;
  readonly training: FamilyAdvice;
  /** The architecture of the φ that the run starts from. */
  readonly start?: ArchitectureConfig | undefined;
}

/** The options of a run, checked. */
export interface ResolvedOptions {
  /** The options that the run has. */
  readonly rows: readonly TableRow[];
  readonly values: RunValues;
  readonly architecture: ArchitectureConfig;
  readonly estimator: EstimatorConfig;
  readonly augmentation: AugmentationConfig;
}

/** The type of the estimator of a run that names none, by the type of its architecture. */
export function usualEstimator(architecture: string): string {
  return ARCHITECTURES.get(architecture)?.estimator ?? DEFAULT_ESTIMATOR;
}

/** Checks what is given and fills in the rest. Throws UsageError, one sentence that says what must be otherwise. */
export function resolveOptions({ task, given: said, training, start }: Request): ResolvedOptions {
  const given = withRanges(task, optionTable(), said);
  const architecture = String(given['architecture'] ?? start?.type ?? DEFAULT_ARCHITECTURE);
  const types: ChosenTypes = { architecture, estimator: String(given['estimator'] ?? usualEstimator(architecture)) };
  const rows = rowsFor(types);
  const own = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const wanted = { ...types, ...(start ? valuesGiven(start, types) : {}), ...own };
  const { firstOrder, ...kept } = training;
  const first = resolved(task, rows, wanted, kept);
  // advice that cannot be followed is dropped
  const followed = combinationFault(first) === undefined && !dropsSecondDerivatives(first);
  const options = followed ? first : resolved(task, rows, wanted, { ...kept, ...firstOrder, secondDerivatives: false });
  refuseOthers(task, given, types);
  if (start && !sameArchitecture(options.architecture, start)) {
    const [must, found] = [start, options.architecture].map(inWords);
    throw new UsageError(`${task}: the architecture must be the one of the φ it starts from, ${must}, got ${found}`);
  }
  const fault = combinationFault(options);
  if (fault !== undefined) throw new UsageError(`${task}: ${fault}`);
  checkTogether(task, rows, options.values);
  return options;
}

/** The architecture's own options as if they were given, if the run has this type of architecture. */
function valuesGiven(start: ArchitectureConfig, types: ChosenTypes): Given {
  if (start.type !== types.architecture) return {};
  const own = rowsFor(types).filter(({ owner }) => owner?.chooser === 'architecture');
  return Object.fromEntries(own.map((row) => [row.name, valueIn({ architecture: start }, row)]));
}

function resolved(task: string, rows: readonly TableRow[], given: Given, advice: Advice): ResolvedOptions {
  const values = valuesOf(task, rows, given, advice);
  const fields = build(rows, values);
  return {
    rows,
    values,
    architecture: architectureShape(fields['architecture'], 'architecture'),
    estimator: estimatorShape(fields['estimator'], 'estimator'),
    augmentation: augmentationShape(fields['augmentation'], 'augmentation'),
  };
}

function dropsSecondDerivatives({ estimator }: Pick<ResolvedOptions, 'estimator'>): boolean {
  const { backward, secondDerivatives } = estimatorOf(estimator).needs(estimator);
  return backward && !secondDerivatives;
}

/** Throws UsageError if an option is given that other types have. */
function refuseOthers(task: string, given: Given, types: ChosenTypes): void {
  const own = new Set(rowsFor(types).map(({ name }) => name));
  const other = optionTable().find(({ name, owner }) => owner && !own.has(name) && given[name] !== undefined);
  if (!other) return;
  const { chooser, type } = other.owner!;
  throw new UsageError(
    `${task}: "${other.name}" must be left out with ${chooser} ${types[chooser]}, since it is an option of ${type}`,
  );
}

function inWords(architecture: ArchitectureConfig): string {
  return `${architecture.type} (${architectureOf(architecture).describe(architecture)})`;
}
