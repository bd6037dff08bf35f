/** A training while a stranger sends ten thousand messages that it should not. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { NatsBus } from '../../shared/bus/nats-bus.js';
import { runSubjects } from '../../shared/subjects.js';
import { withFolder } from '../fixtures/folder.js';
import { Lines } from '../fixtures/lines.js';
import { TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { Attacker } from './attacker.js';
import { SMALL_ROUNDS, smallRun, trainSmall } from './harness.js';
import { coordinate, startWorker } from './nats-cluster.js';

const MESSAGES = 10_000;
/** The attack is spread over these rounds: the workers are there, and what was sent last is heard before the end. */
const [FIRST, LAST] = [2, SMALL_ROUNDS - 3];
const GRANTED = 16 * 2 ** 20;

const server = WITHOUT_NATS ? undefined : await TestServer.start();
after(() => server?.remove());

describe('a stranger with a connection to the server', { skip: WITHOUT_NATS }, () => {
  let expected = '';

  before(async () => {
    expected = await withFolder((folder) => trainSmall(folder));
  });

  for (const seed of [1, 2]) {
    it(`changes no bit with ${MESSAGES} hostile messages, ends no process, and fills neither log nor memory, seed ${seed}`, async (test) => {
      const run = `hostile-${seed}`;
      const { config } = await smallRun();
      const workers = ['a', 'b'].map((name) => `${name}-${seed}`);
      const attacker = await Attacker.start({ url: server!.url, subjects: runSubjects(run), config, workers, seed });
      const lines = new Lines();
      const buses: NatsBus[] = [];
      const watched = { logger: lines, onBus: (bus: NatsBus) => buses.push(bus) };
      try {
        for (const id of workers) await startWorker(test, server!, id, watched);
        const hash = await coordinate(test, server!, run, {
          ...watched,
          observer: {
            round({ round }) {
              for (const bus of buses) assert.ok(bus.granted <= GRANTED);
              if (round < FIRST || round > LAST) return;
              const due = Math.round((MESSAGES * (round - FIRST + 1)) / (LAST - FIRST + 1));
              attacker.attack(due - attacker.total);
            },
          },
        });
        assert.equal(hash, expected);
        const dropped = buses.reduce((sum, bus) => sum + bus.dropped, 0);
        const said = `${dropped} dropped of ${attacker.mustDrop} at least; ${JSON.stringify(attacker.sent)}`;
        test.diagnostic(`${said}; ${lines.lines.length} lines`);
        assert.equal(attacker.total, MESSAGES);
        assert.ok(
          Object.values(attacker.sent).every((count) => count > MESSAGES / 30),
          said,
        );
        assert.ok(dropped > 0.95 * attacker.mustDrop, said);
        assert.ok(
          lines.lines.some((line) => /is dropped/.test(line)) && lines.lines.length < 150,
          lines.lines.join('\n'),
        );
        assert.equal('polluted' in {}, false);
      } finally {
        await attacker.close();
      }
    });
  }
});
