/** Reads a sweep's history from its trial log alone. */
import type { Parameters, ParameterValue } from '../domain.js';
import type { Segment } from '../trial.js';
import { damaged, readLog, type StoredLine } from './log-file.js';
import { ATTRIBUTE, DIRECTION, OPERATION, TRIAL_STATE } from './operations.js';

export type TrialState = keyof typeof TRIAL_STATE;

export interface TrialHistory {
  number: number;
  state: TrialState;
  segments: readonly Segment[];
  /** The round that it was last told to run to. */
  to: number;
  /** Its reports, by ascending round; null for a value that was not finite. */
  reports: readonly { round: number; value: number | null }[];
  /** Why it had no value, if known. */
  why: string | null;
  /** The final value of a trial that ended with one. */
  value: number | null;
  /** ISO 8601. */
  started: string;
  ended: string | null;
}

export interface SweepHistory {
  name: string;
  /** Digest of the file that the sweep was begun with; null if the log was cut before it. */
  digest: string | null;
  version: string | null;
  metric: string | null;
  goal: 'minimize' | 'maximize';
  trials: readonly TrialHistory[];
  finished: boolean;
  /** Bytes of an incomplete last line, which is ignored. */
  torn: number;
}

type Content = Readonly<Record<string, unknown>>;
type Draft<Value> = { -readonly [Key in keyof Value]: Value[Key] };

/** Reads a trial log; null if it has no lines. Throws FileError with the number of a damaged line. */
export function readHistory(path: string): SweepHistory | null {
  const { lines, torn } = readLog(path);
  if (lines.length === 0) return null;
  const reader = new HistoryReader();
  for (const line of lines) {
    try {
      reader.take(line);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw damaged(path, line.number, error.message);
    }
  }
  return { ...reader.sweep, trials: reader.trials, torn };
}

class HistoryReader {
  readonly sweep: Draft<Omit<SweepHistory, 'trials' | 'torn'>> = {
    name: '',
    digest: null,
    version: null,
    metric: null,
    goal: 'minimize',
    finished: false,
  };
  readonly trials: Draft<TrialHistory>[] = [];
  /** The choices of categorical parameters. */
  #choices: Record<string, readonly ParameterValue[] | undefined> = {};

  take({ content }: StoredLine): void {
    switch (content['op_code']) {
      case OPERATION.createStudy:
        this.sweep.name = String(content['study_name']);
        this.sweep.goal = arrayOf(content['directions'])[0] === DIRECTION.maximize ? 'maximize' : 'minimize';
        return;
      case OPERATION.setStudySystemAttribute:
        this.#studyAttribute(mapOf(content['system_attr']));
        return;
      case OPERATION.createTrial:
        this.#create(content);
        return;
      case OPERATION.setTrialState:
        this.#end(content);
        return;
      case OPERATION.setTrialIntermediateValue: {
        const report = { round: numberOf(content['step']), value: numberOf(content['intermediate_value']) };
        const trial = this.#trial(content);
        trial.reports = [...trial.reports, report];
        return;
      }
      case OPERATION.setTrialSystemAttribute:
        this.#trialAttribute(this.#trial(content), mapOf(content['system_attr']));
        return;
      case OPERATION.setTrialParameter: // repeats a fork's own line
      case OPERATION.setStudyUserAttribute:
        return;
      default:
        throw new TypeError(`"op_code" must be one that lopt writes, got ${String(content['op_code'])}`);
    }
  }

  #studyAttribute(attributes: Content): void {
    const sweep = attributes[ATTRIBUTE.sweep];
    if (sweep !== undefined) {
      const { digest, version } = mapOf(sweep);
      this.sweep.digest = String(digest);
      this.sweep.version = String(version);
    }
    const names = attributes[ATTRIBUTE.metricNames];
    if (names !== undefined) this.sweep.metric = String(arrayOf(names)[0]);
    if (ATTRIBUTE.finished in attributes) this.sweep.finished = true;
  }

  #create(content: Content): void {
    for (const [name, text] of Object.entries(mapOf(content['distributions']))) {
      const { attributes } = JSON.parse(String(text)) as { attributes: { choices?: ParameterValue[] } };
      this.#choices[name] = attributes.choices;
    }
    this.trials.push({
      number: this.trials.length,
      state: 'running',
      segments: [{ parameters: this.#parameters(content['params']), from: null }],
      to: numberOf(mapOf(content['system_attrs'])[ATTRIBUTE.to]),
      reports: [],
      why: null,
      value: null,
      started: String(content['datetime_start']),
      ended: null,
    });
  }

  #end(content: Content): void {
    const trial = this.#trial(content);
    const states = Object.entries(TRIAL_STATE) as [TrialState, number][];
    const found = states.find(([, code]) => code === content['state']);
    if (!found) throw new TypeError(`"state" must be a trial's, got ${String(content['state'])}`);
    trial.state = found[0];
    trial.value = content['values'] === null ? null : numberOf(arrayOf(content['values'])[0]);
    trial.ended = String(content['datetime_complete']);
  }

  #trialAttribute(trial: Draft<TrialHistory>, attributes: Content): void {
    for (const [name, value] of Object.entries(attributes)) {
      if (name === ATTRIBUTE.to) trial.to = numberOf(value);
      if (name === ATTRIBUTE.noValue) {
        const { round, why } = mapOf(value);
        trial.reports = [...trial.reports, { round: numberOf(round), value: null }];
        trial.why = typeof why === 'string' ? why : null;
      }
      if (name.startsWith(`${ATTRIBUTE.fork}:`)) {
        const { from, at, segment, params } = mapOf(value);
        const parent = { trial: numberOf(from), segment: numberOf(segment), round: numberOf(at) };
        trial.segments = [...trial.segments, { parameters: this.#parameters(params), from: parent }];
      }
    }
  }

  #parameters(internal: unknown): Parameters {
    return Object.fromEntries(
      Object.entries(mapOf(internal)).map(([name, value]) => {
        const choices = this.#choices[name];
        return [name, choices ? choices[numberOf(value)]! : numberOf(value)];
      }),
    );
  }

  #trial(content: Content): Draft<TrialHistory> {
    const id = content['trial_id'];
    const trial = typeof id === 'number' ? this.trials[id] : undefined;
    if (!trial) throw new TypeError(`"trial_id" must be a trial that was created, got ${String(id)}`);
    return trial;
  }
}

function mapOf(value: unknown): Content {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Content;
  throw new TypeError(`it must hold an object, got ${String(value)}`);
}

function arrayOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError(`it must hold a list, got ${String(value)}`);
}

function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  throw new TypeError(`it must hold a number, got ${String(value)}`);
}
