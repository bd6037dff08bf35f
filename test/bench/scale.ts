/**
 * `npm run bench:scale`: how far one coordinator and one nats-server carry, with simulated workers. Only the windows are
 * simulated: protocol, Worker, bus, nats-server, Coordinator and journal are the real ones. All of them share this
 * machine's processors, so wall time says little where they are busy: read the processor time.
 */
import { parseArgs } from 'node:util';
import { findNatsServer } from '../../deploy/cluster/nats-server.js';
import { type Measured, measure } from './scale/measure.js';
import type { Scenario } from './scale/scenario.js';
import { tableOf } from './scale/table.js';

const FEW = { workers: 64, shards: 64, windowMs: 100, preAdded: true, rounds: 100, profiled: 20 } as const;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '500' },
    workers: { type: 'string', default: '200' },
    shards: { type: 'string', default: '2000' },
    only: { type: 'string', multiple: true },
    json: { type: 'boolean', default: false },
  },
});

const MANY = { workers: Number(values.workers), shards: Number(values.shards), windowMs: 0, spread: 0 };

const SCENARIOS: readonly Scenario[] = [
  { ...MANY, name: 'pre-added', preAdded: true, rounds: Number(values.rounds), profiled: 50 },
  { ...MANY, name: 'single-shards', preAdded: false, rounds: 30, profiled: 30 },
  { ...FEW, name: 'equal-windows', spread: 0 },
  { ...FEW, name: 'spread-windows', spread: 0.1 },
];

const binary = findNatsServer();
if (!binary) throw new Error('Cannot measure: nats-server must be on the PATH or in NATS_SERVER_BIN');
const all: Measured[] = [];
for (const scenario of SCENARIOS) {
  if (values.only?.includes(scenario.name) ?? true) all.push(await measure(scenario, binary));
}
const same = comparePhis(all.filter(({ scenario: { windowMs } }) => windowMs === 0));
process.stdout.write(values.json ? `${JSON.stringify(all)}\n` : `${tableOf(all)}\n${same}`);

/** Throws where the way in which sums are sent has changed φ. */
function comparePhis([first, second]: readonly Measured[]): string {
  if (!first || !second) return '';
  const rounds = Object.keys(second.phis).map(Number);
  const last = Math.max(...rounds.filter((round) => round in first.phis));
  if (first.phis[last] === second.phis[last]) return `φ of round ${last} has the same bits, pre-added and not\n`;
  throw new Error(`φ of round ${last} differs with and without pre-adding`);
}
