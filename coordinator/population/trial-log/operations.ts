/**
 * The lines of a trial log: JSON objects as Optuna's JournalStorage writes and reads them
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

/** Who wrote a line: lopt, or another program such as optuna-dashboard, which adds notes to trials. */
export const WRITER = 'lopt';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A line; `worker_id` is added when it is written. A lopt file has one study, number 0, whose trials have their number as id. */
export type Line =
  | { op_code: 0; study_name: string; directions: readonly number[] }
  | { op_code: 2; study_id: 0; user_attr: { readonly [name: string]: Json } }
  | { op_code: 3; study_id: 0; system_attr: { readonly [name: string]: Json } }
  | CreateTrial
  /** Sets a parameter anew, as a fork does. */
  | { op_code: 5; trial_id: number; param_name: string; param_value_internal: number; distribution: string }
  | { op_code: 6; trial_id: number; state: number; values: readonly number[] | null; datetime_complete: string }
  | { op_code: 7; trial_id: number; step: number; intermediate_value: number; datetime: string }
  | { op_code: 9; trial_id: number; system_attr: { readonly [name: string]: Json }; datetime?: string };

/** A trial with its parameters, in one line: Optuna's form for a trial from a template. */
export interface CreateTrial {
  op_code: 4;
  study_id: 0;
  datetime_start: string;
  state: number;
  value: null;
  values: null;
  /** JSON texts by parameter. */
  distributions: { readonly [name: string]: string };
  /** Optuna's internal values: numbers, and indices of choices. */
  params: { readonly [name: string]: number };
  user_attrs: { readonly [name: string]: Json };
  system_attrs: { readonly [name: string]: Json };
  intermediate_values: Record<string, never>;
}

/** lopt's own attributes. */
export const ATTRIBUTE = {
  /** Of the study, user: what it is about, as the dashboard shows. */
  problem: 'problem',
  /** Of the study, system: the digest of the file, and lopt's version. */
  sweep: 'lopt:sweep',
  /** Of the study, system: the best trial, once the sweep is over. */
  finished: 'lopt:finished',
  /** Of a trial, system: the round to which it is to run; set anew when it goes on. */
  to: 'lopt:to',
  /** Of a trial, system, with the number of its segment: from which trial, after which round, and with which parameters. */
  fork: 'lopt:fork',
  /** Of a trial, system, with the round: it had no finite value there, and why if that is known. */
  noValue: 'lopt:no-value',
  /** Of the study, system: Optuna's own name for the names of the values. */
  metricNames: 'study:metric_names',
} as const;

/** A line without what depends on the time: the same events give the same lines but for that. */
export function withoutTime(line: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(line).filter(([name]) => !name.startsWith('datetime')));
}
