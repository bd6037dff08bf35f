/**
 * `lopt` itself, made treacherous by LOPT_CHAOS: it sends itself SIGKILL or SIGTERM at a step of its work, does not hear that
 * its records are stored, or sends its results twice, late and out of order. Arguments: those of `lopt`.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Checkpoints } from '../../coordinator/checkpoint.js';
import { NatsBus } from '../../shared/bus/nats-bus.js';
import { JetStreamJournal } from '../../shared/journal/jetstream-journal.js';
import { RecordStream } from '../../shared/nats/record-stream.js';
import { Disturbance } from '../e2e/disturbance.js';
import { seededRandom } from '../e2e/harness.js';
import type { Habit, Step } from './schedule.js';

/** What LOPT_CHAOS holds, as JSON. */
export interface Treachery {
  seed: number;
  habits: readonly Habit[];
  death?: { step: Step; round: number; signal: NodeJS.Signals };
}

/** One acknowledgement in so many is not heard. */
const LOST_ACKNOWLEDGEMENTS = 12;

const { seed, habits, death } = JSON.parse(process.env['LOPT_CHAOS'] ?? '') as Treachery;

let told = false;

/** Gets its signal when this is the step, at the first chance from the named round on, once: two end it without saving. */
function dieAt(here: Step, round: number): void {
  if (told || here !== death?.step || round < death.round) return;
  told = true;
  process.kill(process.pid, death.signal);
}

const { toAllWorkers, toCoordinator } = NatsBus.prototype;
NatsBus.prototype.toAllWorkers = function (message) {
  const round = message.type === 'phi' ? message.round : -1;
  dieAt('before-broadcast', round);
  toAllWorkers.call(this, message);
  // the workers have φ, and compute for a while before its record is written
  void nextTurn().then(() => dieAt('after-broadcast', round));
};

if (habits.includes('disturbed-results')) {
  const disturbance = new Disturbance({ lost: 0, repeated: 0.2, delayed: 0.3 }, seed);
  NatsBus.prototype.toCoordinator = function (message) {
    if (message.type === 'result') disturbance.pass(() => toCoordinator.call(this, message));
    else toCoordinator.call(this, message);
  };
}

const { append: appendMessage } = RecordStream.prototype;
const random = seededRandom(seed);
RecordStream.prototype.append = async function (prepared, after, id) {
  const outcome = await appendMessage.call(this, prepared, after, id);
  // the server has stored the record and said so, and nobody knows
  dieAt('unacknowledged', prepared.record.round);
  const isLost = habits.includes('lost-acknowledgements') && random() < 1 / LOST_ACKNOWLEDGEMENTS;
  return isLost ? { silence: 'its acknowledgement is lost' } : outcome;
};

const { append, purge } = JetStreamJournal.prototype;
JetStreamJournal.prototype.append = async function (record) {
  dieAt('before-append', record.round);
  await append.call(this, record);
  dieAt('after-append', record.round);
};
JetStreamJournal.prototype.purge = async function (round) {
  dieAt('before-purge', this.last);
  await purge.call(this, round);
  dieAt('after-purge', this.last);
};

const { write } = Checkpoints.prototype;
Checkpoints.prototype.write = async function (checkpoint) {
  dieAt('before-checkpoint', checkpoint.learner.round);
  await write.call(this, checkpoint);
  dieAt('after-checkpoint', checkpoint.learner.round);
};

await import('../../deploy/cli.js');
