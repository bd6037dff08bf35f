/** The runs whose bits are compared: together they take every way that a meta-gradient takes into φ on a CPU. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folder that every scenario trains into. */
export const OUT = 'run';

/** A run, or a sweep. */
export interface Scenario {
  name: string;
  /** The words after `lopt` of each command, given one after the other in a folder of their own. */
  commands: readonly (readonly string[])[];
  /** How many last φ's it must leave: one of a run, one of every trial of a sweep. */
  runs: number;
  /** Files that lie in that folder beforehand, by name. */
  files?: Readonly<Record<string, string>>;
  /** Throws if the run in this folder did not do what it is here for. */
  check?(out: string): void;
}

function training(name: string, line: string): Scenario {
  return { name, runs: 1, commands: [[...line.split(' '), '--out', OUT]] };
}

const SWEEP = `
name: bits
problem: quadratic
method: random
metric: { name: score, goal: minimize }
rounds: 30
run_cap: 5
seed: 1
scheduler: { type: pbt, every: 10 }
parameters:
  learning-rate: { distribution: log_uniform_values, min: 0.002, max: 0.05 }
  unroll: { values: [5, 10] }
flags: { shards: 2, problems: 8, evaluate-every: 5, evaluate-functions: 8 }
`;

const CURRICULUM =
  'train quadratic --horizon 20 --horizons 40,80 --patience 1 --evaluate-every 5 --evaluate-functions 16 --rounds 120';

export const SCENARIOS: readonly Scenario[] = [
  training('quadratic', 'train quadratic --rounds 300'),
  training('first-order', 'train quadratic --second-derivatives=false --rounds 300'),
  training('mlp', 'train mlp --rounds 30'),
  training('mix', 'train mix --problem.families quadratic=2,rastrigin=1 --rounds 100'),
  training(
    'options',
    'train quadratic --preprocessing both --scale-coordinates 1 --imitate 0.3 --longest-unroll 20 --unroll 5 --rounds 100',
  ),
  { ...training('curriculum', CURRICULUM), check: grewOnce },
  training('strict', 'train lasso --strict --rounds 60'),
  {
    name: 'sweep',
    runs: 5,
    commands: [['sweep', 'sweep.yaml', '--out', OUT]],
    files: { 'sweep.yaml': SWEEP },
  },
  training('up', 'up quadratic --workers 2 --threads 1 --rounds 60'),
  {
    name: 'resumed',
    runs: 1,
    commands: [
      ['train', 'quadratic', '--rounds', '60', '--out', OUT],
      ['train', '--resume', '--rounds', '120', '--out', OUT],
    ],
  },
];

/** The horizons of the evaluations in metrics.jsonl: there are two if training ever went on to the next. */
function grewOnce(out: string): void {
  const lines = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  const rows = lines.map((line) => JSON.parse(line) as { evaluation?: number; horizon?: number });
  const horizons = new Set(rows.filter((row) => row.evaluation !== undefined).map(({ horizon }) => horizon));
  assert.ok(horizons.size >= 2, `the horizon of the curriculum did not grow: evaluations are over ${[...horizons]}`);
}
