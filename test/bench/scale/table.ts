/** The figures of all scenarios as one table: a column a scenario. */
import { availableParallelism, loadavg } from 'node:os';
import { median } from '../median.js';
import type { Measured } from './measure.js';
import { PARTS } from './profile.js';

const LABEL = 46;
const COLUMN = 24;
/** What does not apply to a scenario. */
const NONE = '-';
/** Rounds before the memory can be flat: what the journal keeps fills up to its bound. */
const FILLING_ROUNDS = 120;

/** A row: what it says, and its figure in a scenario. */
type Row = [label: string, figure: (measured: Measured) => string];

const perRound = ({ scenario }: Measured, value: number) => value / scenario.rounds;
const cpu = (measured: Measured) => perRound(measured, measured.cpuMs);

const ROWS: readonly Row[] = [
  ['workers, shards', ({ scenario: { workers, shards } }) => `${workers}, ${shards}`],
  ['pre-added', ({ scenario: { preAdded } }) => (preAdded ? 'yes' : 'no')],
  ['windows, ms', ({ scenario: { windowMs, spread } }) => span((1 - spread) * windowMs, windowMs)],
  ['rounds measured', ({ scenario: { rounds } }) => String(rounds)],
  ['coordinator, processor ms a round', (measured) => cpu(measured).toFixed(2)],
  ['  µs a shard', (measured) => ((1000 * cpu(measured)) / measured.scenario.shards).toFixed(1)],
  ...PARTS.map((part): Row => [`  ${part}, ms`, (measured) => (measured.parts[part] * cpu(measured)).toFixed(2)]),
  ['nats-server, processor ms a round', (measured) => perRound(measured, measured.serverCpuMs).toFixed(1)],
  ['simulated workers, processor ms a round', (measured) => perRound(measured, measured.workersCpuMs).toFixed(1)],
  ['to the coordinator, MB a round', (measured) => (perRound(measured, measured.receivedBytes) / 1e6).toFixed(2)],
  ['  messages', (measured) => perRound(measured, measured.receivedMessages).toFixed(0)],
  ['from the coordinator, MB a round', (measured) => (perRound(measured, measured.sentBytes) / 1e6).toFixed(2)],
  [
    'coordinator on a core of its own, shards/s',
    ({ scenario, ...rest }) => atFull(rest.cpuMs, scenario.shards * scenario.rounds),
  ],
  ['  MB/s', ({ cpuMs, receivedBytes }) => atFull(cpuMs, receivedBytes / 1e6)],
  ['round, wall ms, median', ({ roundMs }) => median(roundMs).toFixed(1)],
  [
    '  slowest worker, ms, median',
    ({ scenario, slowestMs }) => (scenario.windowMs > 0 ? median(slowestMs).toFixed(1) : NONE),
  ],
  ['  overhead over it, median', overheadOf],
  ['memory, MiB, first and last: resident', (measured) => memoryOf(measured, 'rss')],
  ['  JavaScript heap', (measured) => memoryOf(measured, 'heap')],
  ['  buffers', (measured) => memoryOf(measured, 'buffers')],
  ['  slope, KiB a round: resident', (measured) => slopeOf(measured, 'rss')],
  ['  JavaScript heap', (measured) => slopeOf(measured, 'heap')],
  ['  buffers', (measured) => slopeOf(measured, 'buffers')],
];

/** The table, with the circumstances above it. */
export function tableOf(all: readonly Measured[]): string {
  const row = (label: string, cells: readonly string[]) =>
    label.padEnd(LABEL) + cells.map((cell) => cell.padStart(COLUMN)).join('');
  return [
    `${availableParallelism()} processors for everything, load average ${loadavg()[0]!.toFixed(1)}; φ has 5 141 entries`,
    row(
      '',
      all.map(({ scenario }) => scenario.name),
    ),
    ...ROWS.map(([label, figure]) => row(label, all.map(figure))),
  ].join('\n');
}

function span(low: number, high: number): string {
  return low === high ? String(high) : `${low} to ${high}`;
}

/** What a core does in a second that does nothing else. */
function atFull(cpuMs: number, amount: number): string {
  return ((1000 * amount) / cpuMs).toFixed(0);
}

function overheadOf({ scenario, roundMs, slowestMs }: Measured): string {
  if (scenario.windowMs === 0) return NONE;
  return `${(100 * median(roundMs.map((ms, index) => ms / slowestMs[index]! - 1))).toFixed(1)} %`;
}

type MemoryKind = 'rss' | 'heap' | 'buffers';

function pointsOf({ memory }: Measured, what: MemoryKind): [round: number, bytes: number][] {
  const start = (memory[0]?.round ?? 0) + FILLING_ROUNDS;
  return memory.filter(({ round }) => round > start).map((point) => [point.round, point[what]]);
}

function memoryOf(measured: Measured, what: MemoryKind): string {
  const points = pointsOf(measured, what);
  if (points.length < 2) return NONE;
  return [points[0]!, points.at(-1)!].map(([, bytes]) => (bytes / 2 ** 20).toFixed(1)).join(', ');
}

/** By least squares. */
function slopeOf(measured: Measured, what: MemoryKind): string {
  const points = pointsOf(measured, what);
  if (points.length < 4) return NONE;
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x0, y0] = [mean(0), mean(1)];
  const top = points.reduce((sum, [x, y]) => sum + (x - x0) * (y - y0), 0);
  return (top / points.reduce((sum, [x]) => sum + (x - x0) ** 2, 0) / 1024).toFixed(2);
}
