import assert from 'node:assert/strict';
import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { NatsBus } from '../../shared/bus/nats-bus.js';
import { ClusterError, InconsistencyError, JournalError } from '../../shared/errors.js';
import { JetStreamHistory } from '../../shared/journal/jetstream-history.js';
import { JetStreamJournal, type JetStreamJournalOptions } from '../../shared/journal/jetstream-journal.js';
import type { JournalRecord } from '../../shared/journal/journal.js';
import { silentLogger } from '../../shared/logger.js';
import type { JetStream } from '../../shared/nats/jetstream.js';
import { type RunSubjects, runSubjects } from '../../shared/subjects.js';
import { appendRounds, assertRounds, testJournal } from '../contracts/journal.js';
import { seededRandom } from '../e2e/harness.js';
import { Lines } from '../fixtures/lines.js';
import { connectTo, jetStreamOf, startServer, TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { recordOf } from '../fixtures/records.js';
import { TcpProxy } from '../fixtures/tcp-proxy.js';
import { until } from '../fixtures/until.js';

const server = WITHOUT_NATS ? undefined : await TestServer.start();
after(() => server?.remove());
let runs = 0;
const DIGEST = 'd'.repeat(64);

function newRun(): RunSubjects {
  runs += 1;
  return runSubjects(`run-${runs}`);
}

function openJournal(
  jetStream: JetStream,
  subjects: RunSubjects,
  options: Partial<JetStreamJournalOptions> = {},
): Promise<JetStreamJournal> {
  return JetStreamJournal.open({ jetStream, subjects, digest: DIGEST, logger: silentLogger, ...options });
}

/** Record `round` as a coordinator of this term makes it. */
function recordUnder(term: number, round: number): JournalRecord {
  return { ...recordOf(round), term };
}

/** How many messages the stream of a run holds. */
async function messagesIn(jetStream: JetStream, { journalStream }: RunSubjects): Promise<number> {
  const { state } = await jetStream.demand('Cannot test', ({ manager }) => manager.streams.info(journalStream));
  return state.messages;
}

testJournal({
  name: 'JetStream',
  skip: WITHOUT_NATS,
  create: async (test) => {
    const subjects = newRun();
    const jetStream = await jetStreamOf(test, server!);
    return (start = 0) => openJournal(jetStream, subjects, { start });
  },
});

testJournal({
  name: 'JetStream, beside the journals of other members,',
  skip: WITHOUT_NATS,
  create: async (test) => {
    const subjects = newRun();
    const jetStream = await jetStreamOf(test, server!);
    const others = await Promise.all([0, 2].map((member) => openJournal(jetStream, subjects, { member })));
    return async (start = 0) => {
      const journal = await openJournal(jetStream, subjects, { member: 1, start });
      const append = journal.append.bind(journal);
      // the others' records come before and after each of this one's
      journal.append = async (record) => {
        for (const other of others) await other.append({ ...recordOf(other.last + 1), term: 7 });
        await append(record);
        await others[0]!.append({ ...recordOf(others[0]!.last + 1), term: 8 });
      };
      return journal;
    };
  },
});

describe('JetStreamJournal of two coordinators', { skip: WITHOUT_NATS }, () => {
  /** Two journals of one run that know the same rounds 0 … 2, of term 1. */
  async function two(test: TestContext) {
    const subjects = newRun();
    const jetStream = await jetStreamOf(test, server!);
    const old = await openJournal(jetStream, subjects);
    for (let round = 0; round <= 2; round++) await old.append(recordUnder(1, round));
    return { subjects, jetStream, old, young: await openJournal(jetStream, subjects) };
  }

  it('append() adopts the same record of an older term, and goes on after it', async (test) => {
    const { subjects, jetStream, old, young } = await two(test);
    await old.append(recordUnder(1, 3));
    await young.append(recordUnder(2, 3));
    assert.deepEqual([young.last, (await young.read(3)).term], [3, 1]);
    await young.append(recordUnder(2, 4));
    assert.deepEqual(await (await openJournal(jetStream, subjects)).read(4), recordUnder(2, 4));
    assert.equal(await messagesIn(jetStream, subjects), 5);
  });

  it('append() of a coordinator that was paused stops where another one has taken over, whoever holds a lease', async (test) => {
    for (const ahead of [1, 2, 5]) {
      const { subjects, jetStream, old, young } = await two(test);
      for (let round = 3; round < 3 + ahead; round++) await young.append(recordUnder(2, round));
      await assert.rejects(old.append(recordUnder(1, 3)), (error) => {
        assert.ok(error instanceof JournalError);
        assert.equal(
          error.message,
          `Cannot append round 3 under term 1: the journal holds round ${2 + ahead} of term 2, so another coordinator has taken over`,
        );
        return true;
      });
      assert.equal(await messagesIn(jetStream, subjects), 3 + ahead);
      await young.append(recordUnder(2, 3 + ahead));
    }
  });

  it('append() stops where the journal holds another record of this round, and names both', async (test) => {
    for (const term of [1, 2]) {
      const { old, young } = await two(test);
      await old.append(recordUnder(1, 3));
      const other = recordUnder(term, 3);
      other.metaGradient[2] = other.metaGradient[2]! + 1;
      await assert.rejects(young.append(other), (error) => {
        assert.ok(error instanceof InconsistencyError);
        assert.match(error.message, new RegExp(`round 3, this one under term ${term} and another under term 1$`));
        return true;
      });
      assert.deepEqual(await old.read(3), recordUnder(1, 3));
    }
  });

  it('append() reaches no coordinator or worker, though a refused one reaches every subscriber of its subject', async (test) => {
    const { subjects, old, young } = await two(test);
    const link = await connectTo(test, server!);
    const buses = [0, 1].map(() => new NatsBus({ link, subjects, logger: silentLogger, drainMs: 0 }));
    buses[0]!.onCoordinator(() => assert.fail('nothing was sent to the coordinator'));
    buses[1]!.onWorker('a', () => assert.fail('nothing was sent to a worker'));
    const overheard: string[] = [];
    link.control.subscribe(subjects.journals, ({ subject }) => overheard.push(subject));
    await link.control.flush();
    await young.append(recordUnder(2, 3));
    await assert.rejects(old.append(recordUnder(1, 3)), JournalError);
    for (const lane of [link.control, link.bulk]) await lane.flush();
    assert.deepEqual(overheard, [subjects.journal(0), subjects.journal(0)], 'the trap is there');
    assert.deepEqual(
      buses.map(({ dropped }) => dropped),
      [0, 0],
    );
    for (const bus of buses) await bus.close();
  });
});

describe('JetStreamJournal where the server fails', { skip: WITHOUT_NATS }, () => {
  it('append() loses nothing and stores nothing twice, whenever the server is killed', async (test) => {
    const own = await startServer(test);
    const subjects = newRun();
    const jetStream = await jetStreamOf(test, own);
    const journal = await openJournal(jetStream, subjects);
    const random = seededRandom(11);
    const last = 60;
    for (let round = 0; round <= last; round++) {
      const appended = journal.append(recordOf(round, round % 7 === 3 ? 300_000 : 500));
      if (round % 5 === 4) {
        // before it is sent, while it is stored, or after it is acknowledged
        for (let turns = Math.floor(12 * random()); turns > 0; turns--) await jetStream.link.bulk.flush();
        await own.kill();
        await own.start();
      }
      await appended;
    }
    const again = await openJournal(await jetStreamOf(test, own), subjects);
    assert.deepEqual([again.first, again.last], [0, last]);
    for (let round = 0; round <= last; round++) {
      assert.deepEqual(await again.read(round), recordOf(round, round % 7 === 3 ? 300_000 : 500));
    }
    const { state } = await jetStream.demand('Cannot test', ({ manager }) =>
      manager.streams.info(subjects.journalStream, { subjects_filter: subjects.journal(0) }),
    );
    assert.equal(state.subjects?.[subjects.journal(0)], last + 1);
  });

  it('append() whose acknowledgement is lost finds its record stored', async (test) => {
    const subjects = newRun();
    const direct = await jetStreamOf(test, server!);
    const proxy = await TcpProxy.start(test, server!.port);
    const journal = await openJournal(await jetStreamOf(test, server!, { url: proxy.url }), subjects);
    await appendRounds(journal, 0, 2);
    for (const round of [3, 4]) {
      proxy.holdAnswers();
      const appended = journal.append(recordOf(round));
      await until(async () => (await messagesIn(direct, subjects)) === round + 1);
      proxy.cut();
      proxy.mend();
      await appended;
    }
    await appendRounds(journal, 5, 6);
    await assertRounds(journal, 0, 6);
    assert.equal(await messagesIn(direct, subjects), 7);
  });

  it('append() whose acknowledgement is late goes on without it', async (test) => {
    const subjects = newRun();
    const direct = await jetStreamOf(test, server!);
    const proxy = await TcpProxy.start(test, server!.port);
    const journal = await openJournal(await jetStreamOf(test, server!, { url: proxy.url, answerMs: 200 }), subjects);
    await appendRounds(journal, 0, 2);
    proxy.holdAnswers();
    const appended = journal.append(recordOf(3));
    await until(async () => (await messagesIn(direct, subjects)) === 4);
    // once it has given up waiting, it asks for the last record
    const { sent } = proxy;
    await until(() => proxy.sent > sent);
    proxy.mend();
    await appended;
    await appendRounds(journal, 4, 4);
    await assertRounds(journal, 0, 4);
    assert.equal(await messagesIn(direct, subjects), 5);
  });

  it('append() appends again from memory what a server has lost in a power failure', async (test) => {
    const lines = new Lines();
    const own = await startServer(test);
    const subjects = newRun();
    const jetStream = await jetStreamOf(test, own);
    const journal = await openJournal(jetStream, subjects, { logger: lines });
    await appendRounds(journal, 0, 20);
    await own.kill();
    const kept = cutStream(own.store, subjects, 0.6);
    await own.start();
    const found = await openJournal(await jetStreamOf(test, own), subjects);
    assert.ok(found.last > 3 && found.last < 17, `${found.last} of ${kept} bytes`);
    await assertRounds(found, 0, found.last);
    await appendRounds(journal, 21, 23);
    assert.ok(
      lines.lines.some((line) => line.includes(`has lost rounds ${found.last + 1} to 20`)),
      lines.lines.join(),
    );
    await assertRounds(journal, 0, 23);
    const again = await openJournal(await jetStreamOf(test, own), subjects);
    await assertRounds(again, 0, 23);
    assert.equal(await messagesIn(jetStream, subjects), 24);
  });

  it('append() says that the coordinator must be started again where memory does not reach back', async (test) => {
    const own = await startServer(test);
    const subjects = newRun();
    const jetStream = await jetStreamOf(test, own);
    const journal = await openJournal(jetStream, subjects, { keptBytes: 100 });
    await appendRounds(journal, 0, 20);
    await own.kill();
    cutStream(own.store, subjects, 0.5);
    await own.start();
    await assert.rejects(journal.append(recordOf(21)), (error) => {
      assert.ok(error instanceof JournalError);
      assert.match(
        error.message,
        /^Cannot append round 21 .* lost the rounds from \d+ on.*start the coordinator again/,
      );
      return true;
    });
    const again = await openJournal(await jetStreamOf(test, own), subjects);
    await appendRounds(again, again.last + 1, 22);
    await assertRounds(again, 0, 22);
  });

  it('append() says so where the stream was deleted', async (test) => {
    const subjects = newRun();
    const jetStream = await jetStreamOf(test, server!);
    const journal = await openJournal(jetStream, subjects);
    await appendRounds(journal, 0, 1);
    await jetStream.demand('Cannot test', ({ manager }) => manager.streams.delete(subjects.journalStream));
    await assert.rejects(journal.append(recordOf(2)), (error) => {
      assert.ok(error instanceof ClusterError);
      assert.match(error.message, /holds no such stream$/);
      return true;
    });
  });

  it('append() ends with a sentence where the link is closed while the server is away', async (test) => {
    const own = await startServer(test);
    const jetStream = await jetStreamOf(test, own);
    const journal = await openJournal(jetStream, newRun());
    await own.kill();
    const appended = assert.rejects(journal.append(recordOf(0)), /^ClusterError: Cannot append round 0 .* is closed$/);
    await until(() => !jetStream.link.control.connected);
    await jetStream.link.close();
    await appended;
  });
});

/** Cuts the end off a stream's only file of messages, as a power failure does; returns the bytes that are left. */
function cutStream(store: string, { journalStream }: RunSubjects, share: number): number {
  const folder = join(store, 'jetstream', '$G', 'streams', journalStream, 'msgs');
  const names = readdirSync(folder);
  assert.deepEqual(
    names.filter((name) => name.endsWith('.blk')),
    ['1.blk'],
  );
  for (const name of names) if (!name.endsWith('.blk')) rmSync(join(folder, name), { recursive: true });
  const kept = Math.floor(share * statSync(join(folder, '1.blk')).size);
  truncateSync(join(folder, '1.blk'), kept);
  return kept;
}

describe('JetStreamJournal.open()', { skip: WITHOUT_NATS }, () => {
  it('refuses the stream of another configuration, and one that is not a journal', async (test) => {
    const subjects = newRun();
    const jetStream = await jetStreamOf(test, server!);
    await openJournal(jetStream, subjects);
    const rejected = (message: RegExp) => (error: unknown) => {
      assert.ok(error instanceof ClusterError);
      assert.match(error.message, message);
      return true;
    };
    await assert.rejects(
      openJournal(jetStream, subjects, { digest: 'e'.repeat(64) }),
      rejected(/^Cannot open the journal of run .* belongs to another configuration \(dddddddd… and not eeeeeeee…\)/),
    );
    const foreign = newRun();
    await jetStream.demand('Cannot test', ({ manager }) =>
      manager.streams.add({ name: foreign.journalStream, subjects: ['somebody.else'] }),
    );
    await assert.rejects(openJournal(jetStream, foreign), rejected(/is not lopt’s/));
  });

  it('bounds the stream: append() says when it is full, and goes on when it is purged or allowed more', async (test) => {
    const subjects = newRun();
    const jetStream = await jetStreamOf(test, server!);
    const journal = await openJournal(jetStream, subjects, { maxBytes: 100_000 });
    const full = (round: number) =>
      assert.rejects(journal.append(recordOf(round, 2000)), (error) => {
        assert.ok(error instanceof JournalError);
        assert.match(error.message, new RegExp(`^Cannot append round ${round} .*: its stream .* is full at 0 MiB`));
        return true;
      });
    let round = 0;
    while (round < 6) {
      await journal.append(recordOf(round, 2000));
      round += 1;
    }
    await full(6);
    await full(6);
    assert.equal(journal.last, 5);
    await journal.purge(3);
    await journal.append(recordOf(6, 2000));
    await journal.append(recordOf(7, 2000));
    const larger = await openJournal(jetStream, subjects, { maxBytes: 10 ** 6 });
    for (let next = 8; next < 20; next++) await larger.append(recordOf(next, 2000));
    assert.deepEqual(await larger.read(3), recordOf(3, 2000));
  });

  it('says so where the server cannot store as much', async (test) => {
    const jetStream = await jetStreamOf(test, server!);
    await assert.rejects(openJournal(jetStream, newRun(), { maxBytes: 2 ** 50 }), (error) => {
      assert.ok(error instanceof ClusterError);
      assert.match(error.message, /^Cannot open the journal .* "insufficient storage resources available"/);
      return true;
    });
  });
});

describe('JetStreamHistory', { skip: WITHOUT_NATS }, () => {
  it('phi() reads what another process appends, and waits for what is not there yet', async (test) => {
    const subjects = newRun();
    const journal = await openJournal(await jetStreamOf(test, server!), subjects);
    const history = new JetStreamHistory({ jetStream: await jetStreamOf(test, server!), subjects, waitMs: 10 ** 6 });
    await appendRounds(journal, 0, 30);
    const rounds = [30, 0, 7, 7, 8, 29, 30, ...Array.from({ length: 31 }, (_, round) => round)];
    const phis = await Promise.all(rounds.map((round) => history.phi(round)));
    assert.deepEqual(
      phis,
      rounds.map((round) => recordOf(round).phi),
    );
    const later = [history.phi(31), history.phi(32)];
    await appendRounds(journal, 31, 32);
    assert.deepEqual(await Promise.all(later), [recordOf(31).phi, recordOf(32).phi]);
    assert.deepEqual(await history.latest(), recordOf(32));
  });

  it('phi() says what is missing: what was purged at once, what never comes after a while', async (test) => {
    const subjects = newRun();
    const jetStream = await jetStreamOf(test, server!);
    const journal = await openJournal(jetStream, subjects);
    await appendRounds(journal, 0, 9);
    await journal.purge(4);
    const patient = new JetStreamHistory({ jetStream, subjects, waitMs: 10 ** 6 });
    await assert.rejects(patient.phi(3), /^JournalError: Cannot read round 3 from .*: its oldest is 4$/);
    assert.deepEqual(await patient.phi(4), recordOf(4).phi);
    const hasty = new JetStreamHistory({ jetStream, subjects, waitMs: 0 });
    await assert.rejects(hasty.phi(10), /^JournalError: Cannot read round 10 from .*: it is not there$/);
  });
});
