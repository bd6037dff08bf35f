import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { RoundMeasures } from '../../coordinator/observer.js';
import { CoordinatorMetrics } from '../../deploy/operations/coordinator-metrics.js';
import { watchBus } from '../../deploy/operations/registry.js';
import { trainEmbedded } from '../../deploy/run/embedded.js';
import { observeAll } from '../../deploy/run/progress.js';
import { VERSION } from '../../shared/config.js';
import type { JournalRecord } from '../../shared/journal/journal.js';
import { silentLogger } from '../../shared/logger.js';
import { SMALL_ROUNDS, smallRun, startOf } from '../e2e/harness.js';
import { type Family, parseExposition, sampleOf } from '../fixtures/exposition.js';
import { withFolder } from '../fixtures/folder.js';
import { recordOf } from '../fixtures/records.js';
import { runConfig } from '../fixtures/run-config.js';

const RUN = { run: 'demo' };
const MEASURES: RoundMeasures = {
  metaGradientNorm: 0.5,
  seconds: 0.02,
  coordinatorSeconds: 0.001,
  workers: 2,
  replayed: 3,
  duplicates: 1,
};

async function scrape(metrics: CoordinatorMetrics): Promise<Map<string, Family>> {
  return parseExposition(await metrics.registry.metrics());
}

function newMetrics(): CoordinatorMetrics {
  return new CoordinatorMetrics({ run: 'demo', config: runConfig() });
}

describe('CoordinatorMetrics of a run', () => {
  const rounds: { record: JournalRecord; measures: RoundMeasures }[] = [];
  const heldOut: { round: number; sum: number; final: number }[] = [];
  let families: Map<string, Family>;

  before(async () => {
    const { config } = await smallRun();
    const metrics = new CoordinatorMetrics({ run: 'demo', config });
    await withFolder((folder) =>
      trainEmbedded({
        folder,
        threads: 2,
        config,
        phi: startOf(config),
        goal: { rounds: SMALL_ROUNDS },
        logger: silentLogger,
        observer: observeAll(metrics, {
          round: (record, measures) => rounds.push({ record, measures }),
          evaluated: (round, { sum, final }) => heldOut.push({ round, sum: sum.mean!, final: final.mean! }),
        }),
      }),
    );
    families = await scrape(metrics);
  });

  it('counts its rounds and sums their times', () => {
    assert.equal(sampleOf(families, 'lopt_rounds_total', RUN), SMALL_ROUNDS);
    assert.equal(sampleOf(families, 'lopt_round', RUN), SMALL_ROUNDS);
    assert.equal(sampleOf(families, 'lopt_planned_rounds', RUN), SMALL_ROUNDS);
    assert.equal(sampleOf(families, 'lopt_checkpoint_round', RUN), SMALL_ROUNDS);
    assert.equal(sampleOf(families, 'lopt_term', RUN), 1);
    assert.equal(sampleOf(families, 'lopt_round_duration_seconds_count', RUN), SMALL_ROUNDS);
    const total = (name: 'seconds' | 'coordinatorSeconds') =>
      rounds.reduce((sum, { measures }) => sum + measures[name], 0);
    assert.equal(sampleOf(families, 'lopt_round_duration_seconds_sum', RUN), total('seconds'));
    assert.equal(sampleOf(families, 'lopt_coordinator_work_seconds_total', RUN), total('coordinatorSeconds'));
    for (const le of ['0.001', '0.01', '1', '300', '+Inf']) {
      const below = rounds.filter(({ measures }) => measures.seconds <= Number(le.replace('+Inf', 'Infinity')));
      assert.equal(sampleOf(families, 'lopt_round_duration_seconds_bucket', { ...RUN, le }), below.length);
    }
  });

  it('shows the meta-loss of the last whole episode: 5 windows of at most 7 steps, the last of 2', () => {
    const last = rounds.slice(35, 40).map(({ record }) => record);
    assert.deepEqual(
      last.map(({ round }) => round),
      [36, 37, 38, 39, 40],
    );
    const expected = last.reduce((sum, { loss, healthy }) => sum + loss / healthy, 0);
    assert.equal(sampleOf(families, 'lopt_meta_loss', RUN), expected);
  });

  it('shows the newest held-out evaluation and outer step', () => {
    const { round, sum, final } = heldOut.at(-1)!;
    assert.equal(sampleOf(families, 'lopt_held_out_round', RUN), round);
    assert.equal(sampleOf(families, 'lopt_held_out_loss', { ...RUN, statistic: 'sum' }), sum);
    assert.equal(sampleOf(families, 'lopt_held_out_loss', { ...RUN, statistic: 'final' }), final);
    const { record, measures } = rounds.at(-1)!;
    assert.equal(sampleOf(families, 'lopt_learning_rate', RUN), record.learningRate);
    assert.equal(sampleOf(families, 'lopt_gradient_norm', RUN), measures.metaGradientNorm);
  });

  it('says what runs', () => {
    const labels = { version: VERSION, engine: 'native', node: process.version };
    assert.equal(sampleOf(families, 'lopt_build_info', labels), 1);
    assert.equal(sampleOf(families, 'lopt_run_info', { ...RUN, problem: 'quadratic' }), 1);
    assert.ok(sampleOf(families, 'process_cpu_seconds_total') > 0);
  });
});

describe('CoordinatorMetrics', () => {
  it('starts every counter at 0, so that its first rise shows', async () => {
    const families = await scrape(newMetrics());
    for (const [name, labels] of [
      ['lopt_rounds_total', {}],
      ['lopt_skipped_rounds_total', {}],
      ['lopt_replayed_windows_total', {}],
      ['lopt_duplicates_checked_total', {}],
      ['lopt_coordinator_work_seconds_total', {}],
      ['lopt_reassignments_total', { reason: 'left' }],
      ['lopt_reassignments_total', { reason: 'silent' }],
      ['lopt_reassignments_total', { reason: 'late' }],
    ] as const) {
      assert.equal(sampleOf(families, name, { ...RUN, ...labels }), 0, name);
    }
  });

  it('shows nothing of what is not known yet', async () => {
    const families = await scrape(newMetrics());
    for (const name of ['lopt_meta_loss', 'lopt_held_out_loss', 'lopt_planned_rounds', 'lopt_term', 'lopt_round']) {
      assert.deepEqual(families.get(name)?.samples, [], name);
    }
  });

  it('counts skipped rounds, bad problems, replays, duplicates and reassignments', async () => {
    const metrics = newMetrics();
    // round 3 of these records is skipped; of 8 problems as many are healthy as the round says
    for (const round of [1, 2, 3]) metrics.round(recordOf(round), MEASURES);
    for (const reason of ['late', 'silent', 'late'] as const) metrics.reassigned('w1', reason);
    const families = await scrape(metrics);
    assert.equal(sampleOf(families, 'lopt_skipped_rounds_total', RUN), 1);
    assert.equal(sampleOf(families, 'lopt_bad_problems', RUN), 5);
    assert.equal(sampleOf(families, 'lopt_replayed_windows_total', RUN), 9);
    assert.equal(sampleOf(families, 'lopt_duplicates_checked_total', RUN), 3);
    assert.equal(sampleOf(families, 'lopt_reassignments_total', { ...RUN, reason: 'late' }), 2);
    assert.equal(sampleOf(families, 'lopt_reassignments_total', { ...RUN, reason: 'silent' }), 1);
  });

  it('shows NaN for a held-out mean that is not finite', async () => {
    const metrics = newMetrics();
    const none = { mean: null, standardError: null, median: null };
    metrics.evaluated(5, { sum: none, final: { ...none, mean: 2 }, divergenceRate: 1 });
    const families = await scrape(metrics);
    assert.ok(Number.isNaN(sampleOf(families, 'lopt_held_out_loss', { ...RUN, statistic: 'sum' })));
    assert.equal(sampleOf(families, 'lopt_held_out_loss', { ...RUN, statistic: 'final' }), 2);
  });

  it('counts the workers by state, and their threads, at the moment of the scrape', async () => {
    const metrics = newMetrics();
    const ranges = [{ first: 0, end: 2 }];
    const member = { address: '', fingerprint: 'f', incarnation: 1, threads: 4, weight: 4, ranges, copies: [] };
    const coordinator = {
      members: [
        { ...member, id: 'a' },
        { ...member, id: 'b' },
        { ...member, id: 'c', ranges: [] },
        { ...member, id: 'd', weight: 2 },
      ],
    };
    metrics.watch(coordinator);
    const workersIn = async () => {
      const families = await scrape(metrics);
      const counts = ['computing', 'idle', 'late'].map((state) =>
        sampleOf(families, 'lopt_workers', { ...RUN, state }),
      );
      return [...counts, sampleOf(families, 'lopt_threads', RUN)];
    };
    assert.deepEqual(await workersIn(), [2, 1, 1, 16]);
    coordinator.members = [];
    assert.deepEqual(await workersIn(), [0, 0, 0, 0]);
  });

  it('is ready while it stands by and while it leads, and only a leader has shards', async () => {
    const metrics = newMetrics();
    const seen: unknown[] = [];
    const look = async () => {
      const families = await scrape(metrics);
      seen.push([metrics.inCharge(), sampleOf(families, 'lopt_leader', RUN), sampleOf(families, 'lopt_shards', RUN)]);
    };
    await look();
    metrics.standBy();
    await look();
    metrics.started(7, 2);
    await look();
    metrics.ended();
    await look();
    assert.deepEqual(seen, [
      ['it is starting', 0, 0],
      [undefined, 0, 0],
      [undefined, 1, 4],
      ['it is ended', 0, 0],
    ]);
  });
});

describe('watchBus()', () => {
  it('shows what the bus has carried at the moment of the scrape', async () => {
    const { registry } = newMetrics();
    const figures = { receivedBytes: 10, sentBytes: 20, receivedMessages: 1, sentMessages: 2, droppedMessages: 0 };
    watchBus(registry, () => figures);
    await registry.metrics();
    figures.receivedBytes = 15;
    figures.droppedMessages = 4;
    const families = parseExposition(await registry.metrics());
    assert.equal(sampleOf(families, 'lopt_bus_bytes_total', { direction: 'received' }), 15);
    assert.equal(sampleOf(families, 'lopt_bus_bytes_total', { direction: 'sent' }), 20);
    assert.equal(sampleOf(families, 'lopt_bus_messages_total', { direction: 'sent' }), 2);
    assert.equal(sampleOf(families, 'lopt_bus_dropped_messages_total'), 4);
  });
});
