/** Which part of the coordinator's work takes which share of its time: by a sampling profile, so that nothing is slowed. */
import { type Profiler, Session } from 'node:inspector/promises';

export const PARTS = [
  'receive',
  'decode',
  'check',
  'answer',
  'add',
  'learn',
  'append',
  'broadcast',
  'send',
  'collect garbage',
  'other',
] as const;
export type Part = (typeof PARTS)[number];

const SAMPLE_US = 250;

/** The part that a function belongs to, by its file and name; the first rule that fits. */
const RULES: readonly [file: RegExp, name: RegExp, part: Part][] = [
  [/\/coordinator\/(learner|outer-optimizer|schedule|pacer)\.js$/, /./, 'learn'],
  [/\/coordinator\/round\.js$/, /^checkNode$/, 'check'],
  [/\/shared\/(message-check|shape|finite)\.js$/, /./, 'check'],
  [/\/shared\/sum-tree\.js$|\/coordinator\/round\.js$/, /./, 'add'],
  [/\/shared\/journal\/|\/shared\/nats\/(jetstream|record-stream)\.js$|\/jetstream\//, /./, 'append'],
  [/\/shared\/bus\/nats-bus\.js$/, /^#publish$/, 'broadcast'],
  [/\/shared\/bus\/bulk-receiver\.js$/, /^reply$/, 'answer'],
  [/\/shared\/nats\/lane\.js$/, /^#answer$/, 'answer'],
  [/\/shared\/(codec|bus\/packet|bus\/bundle|bus\/reassembler)\.js$/, /^decode|^unbundle$|^add$/, 'decode'],
  [/\/nats-base-client\/protocol\.js$/, /^flushPending$/, 'send'],
  [/^node:internal\/stream_base_commons$/, /write/i, 'send'],
  [/^$/, /^\(garbage collector\)$/, 'collect garbage'],
  [/\/nats-base-client\/|\/nats\/lib\/src\/node_transport\.js$|^node:internal\/stream_base_commons$/, /./, 'receive'],
];

/** Starts to sample; what it returns ends that, and gives each part's share of the time that was not idle. */
export async function startProfile(): Promise<() => Promise<Record<Part, number>>> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
  await session.post('Profiler.start');
  return async () => {
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    return sharesOf(profile);
  };
}

function sharesOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Record<Part, number> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const partOf = (id: number | undefined): Part => {
    const frame = id === undefined ? undefined : byId.get(id)?.callFrame;
    if (!frame) return 'other';
    const { url, functionName } = frame;
    const rule = RULES.find(([file, name]) => file.test(url) && name.test(functionName || 'anonymous'));
    return rule ? rule[2] : partOf(parents.get(id!));
  };
  const times = Object.fromEntries(PARTS.map((part) => [part, 0])) as Record<Part, number>;
  let total = 0;
  samples.forEach((id, index) => {
    if (byId.get(id)?.callFrame.functionName === '(idle)') return;
    const time = timeDeltas[index] ?? 0;
    times[partOf(id)] += time;
    total += time;
  });
  for (const part of PARTS) times[part] /= total;
  return times;
}
