/** Records a sweep in its trial log: events and instructions. */
import { VERSION } from '../../shared/config.js';
import { FileError } from '../../shared/errors.js';
import type { Parameters } from './domain.js';
import type { SweepPlan } from './plan.js';
import type { TrialEnd } from './schedulers/scheduler.js';
import { distributionJson, internalValue } from './trial-log/distribution.js';
import type { Ledger } from './trial-log/ledger.js';
import { ATTRIBUTE, DIRECTION, type Json, OPERATION, TRIAL_STATE } from './trial-log/operations.js';

const STUDY = { study_id: 0 } as const;

/** The trial and segment that a trial continues from, as it was after round `at`, and the round to run to. */
interface ForkAttribute {
  from: number;
  segment: number;
  at: number;
  to: number;
}

export class SweepRecord {
  readonly #plan: SweepPlan;
  readonly #ledger: Ledger;
  readonly #distributions: Readonly<Record<string, string>>;

  constructor(plan: SweepPlan, ledger: Ledger) {
    this.#plan = plan;
    this.#ledger = ledger;
    this.#distributions = Object.fromEntries(plan.space.map(({ name, domain }) => [name, distributionJson(domain)]));
  }

  /** Throws FileError if the log was begun with another file or by another version. */
  begin(): void {
    const { name, metric, problem, digest } = this.#plan;
    this.#checkOrigin();
    const directions = [DIRECTION[metric.goal]];
    this.#ledger.write({ op_code: OPERATION.createStudy, study_name: name ?? 'sweep', directions });
    this.#studyAttribute(ATTRIBUTE.sweep, { digest, version: VERSION });
    this.#studyAttribute(ATTRIBUTE.metricNames, [metric.name]);
    const user_attr = { [ATTRIBUTE.problem]: problem };
    this.#ledger.write({ op_code: OPERATION.setStudyUserAttribute, ...STUDY, user_attr });
  }

  /** The next trial. Optuna numbers trials by these lines. */
  create(parameters: Parameters, to: number): void {
    this.#ledger.write({
      op_code: OPERATION.createTrial,
      ...STUDY,
      datetime_start: now(),
      state: TRIAL_STATE.running,
      value: null,
      values: null,
      distributions: this.#distributions,
      params: this.#internal(parameters),
      user_attrs: {},
      system_attrs: { [ATTRIBUTE.to]: to },
      intermediate_values: {},
    });
  }

  run(trial: number, to: number): void {
    this.#trialAttribute(trial, ATTRIBUTE.to, to);
  }

  /** @param index of the new segment in the trial; `fork.segment` is the parent's */
  fork(trial: number, index: number, fork: ForkAttribute, parameters: Parameters): void {
    const internal = this.#internal(parameters);
    // this one line makes a fork atomic for whoever resumes; the lines that follow are for Optuna
    this.#trialAttribute(trial, `${ATTRIBUTE.fork}:${index}`, { ...fork, params: internal });
    this.#trialAttribute(trial, ATTRIBUTE.to, fork.to);
    for (const [name, value] of Object.entries(internal)) {
      this.#ledger.write({
        op_code: OPERATION.setTrialParameter,
        trial_id: trial,
        param_name: name,
        param_value_internal: value,
        distribution: this.#distributions[name]!,
      });
    }
  }

  report(trial: number, round: number, value: number | null, why: string | undefined): void {
    const common = { trial_id: trial, datetime: now() };
    if (value === null) {
      const system_attr = { [ATTRIBUTE.noValue]: { round, ...(why === undefined ? {} : { why }) } };
      this.#ledger.write({ op_code: OPERATION.setTrialSystemAttribute, ...common, system_attr });
      return;
    }
    const report = { step: round, intermediate_value: value };
    this.#ledger.write({ op_code: OPERATION.setTrialIntermediateValue, ...common, ...report });
  }

  /** A trial that ends without a value counts as failed. */
  stop(trial: number, end: TrialEnd, value: number | null): void {
    this.#ledger.write({
      op_code: OPERATION.setTrialState,
      trial_id: trial,
      state: value === null ? TRIAL_STATE.fail : TRIAL_STATE[end],
      values: value === null ? null : [value],
      datetime_complete: now(),
    });
  }

  finish(best: { trial: number; value: number } | null): void {
    this.#studyAttribute(ATTRIBUTE.finished, { best });
    this.#ledger.end();
  }

  /** The error for a logged report that no run was due to give. */
  unexpected(trial: number, round: number): FileError {
    const { path } = this.#ledger;
    return new FileError(
      path,
      `Cannot resume the sweep: ${path} holds a report of trial ${trial} after round ${round}, which the sweep does not expect`,
    );
  }

  #checkOrigin(): void {
    const { path, origin } = this.#ledger;
    if (origin === null) return;
    const fail = (why: string) => {
      throw new FileError(path, `Cannot resume the sweep of ${path}: ${why}`);
    };
    const { digest } = this.#plan;
    if (origin.digest !== digest) {
      fail(`the file must say what it did when the sweep began, with the digest ${origin.digest}, got ${digest}`);
    }
    if (origin.version !== VERSION) fail(`it was started by lopt ${origin.version}, but this is lopt ${VERSION}`);
  }

  #internal(parameters: Parameters): Record<string, number> {
    return Object.fromEntries(
      this.#plan.space.map(({ name, domain }) => [name, internalValue(domain, parameters[name]!)]),
    );
  }

  #studyAttribute(name: string, value: Json): void {
    this.#ledger.write({ op_code: OPERATION.setStudySystemAttribute, ...STUDY, system_attr: { [name]: value } });
  }

  #trialAttribute(trial: number, name: string, value: Json): void {
    this.#ledger.write({ op_code: OPERATION.setTrialSystemAttribute, trial_id: trial, system_attr: { [name]: value } });
  }
}

function now(): string {
  return new Date().toISOString();
}
