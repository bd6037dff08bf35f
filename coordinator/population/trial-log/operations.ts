/**
 * The lines of a trial log: JSON objects in the format of Optuna's JournalStorage
 * (optuna/storages/journal/_storage.py, the same from version 3.1 to 5.0).
 */

export const OPERATION = {
  createStudy: 0,
  setStudyUserAttribute: 2,
  setStudySystemAttribute: 3,
  createTrial: 4,
  setTrialParameter: 5,
  setTrialState: 6,
  setTrialIntermediateValue: 7,
  setTrialUserAttribute: 8,
  setTrialSystemAttribute: 9,
} as const;

/** Optuna's TrialState. */
export const TRIAL_STATE = { running: 0, complete: 1, pruned: 2, fail: 3 } as const;

/** Optuna's StudyDirection. */
export const DIRECTION = { minimize: 1, maximize: 2 } as const;

/** Marks lines by lopt; other programs, such as optuna-dashboard, may add notes to trials. */
export const WRITER = 'lopt';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A line; `worker_id` is added on writing. The file has one study, number 0; a trial's id is its number. */
export type Line =
  | { op_code: 0; study_name: string; directions: readonly number[] }
  | { op_code: 2; study_id: 0; user_attr: { readonly [name: string]: Json } }
  | { op_code: 3; study_id: 0; system_attr: { readonly [name: string]: Json } }
  | CreateTrial
  /** Sets a parameter again, on a fork. */
  | { op_code: 5; trial_id: number; param_name: string; param_value_internal: number; distribution: string }
  | { op_code: 6; trial_id: number; state: number; values: readonly number[] | null; datetime_complete: string }
  | { op_code: 7; trial_id: number; step: number; intermediate_value: number; datetime: string }
  | { op_code: 9; trial_id: number; system_attr: { readonly [name: string]: Json }; datetime?: string };

/** A trial with its parameters in one line: Optuna's form for a trial made from a template. */
export interface CreateTrial {
  op_code: 4;
  study_id: 0;
  datetime_start: string;
  state: number;
  value: null;
  values: null;
  /** JSON by parameter. */
  distributions: { readonly [name: string]: string };
  /** Optuna's internal values: numbers, and indices of choices. */
  params: { readonly [name: string]: number };
  user_attrs: { readonly [name: string]: Json };
  system_attrs: { readonly [name: string]: Json };
  intermediate_values: Record<string, never>;
}

/** lopt's own attributes. */
export const ATTRIBUTE = {
  /** User attribute of the study, shown by the dashboard. */
  problem: 'problem',
  /** System attribute of the study: the file's digest and lopt's version. */
  sweep: 'lopt:sweep',
  /** System attribute of the study: the best trial, when the sweep is over. */
  finished: 'lopt:finished',
  /** System attribute of a trial: the round to run to; set again when it continues. */
  to: 'lopt:to',
  /** System attribute of a trial, suffixed with the segment's number: the parent trial, round and parameters. */
  fork: 'lopt:fork',
  /** System attribute of a trial: the round at which it had no finite value, and why if known. */
  noValue: 'lopt:no-value',
  /** System attribute of the study: Optuna's own key for the names of the values. */
  metricNames: 'study:metric_names',
} as const;

/** A line without its times: apart from those, the same events give the same lines. */
export function withoutTime(line: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(line).filter(([name]) => !name.startsWith('datetime')));
}
