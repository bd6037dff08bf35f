/**
 * `npm run bench:gpu`: the LSTM on a GPU by the WGSL kernel and by JAX, with the roofline. Every measurement has a process
 * of its own, so that what one variant does to the driver is that variant's alone.
 *
 *     node dist/test/bench/gpu.js --coordinates 16384,131072,1048576 --variants all --jax python3
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { LstmVariant } from '../../worker/architectures/lstm/webgpu/plan.js';
import { type KernelReport, type KernelRequest, measureKernel } from './gpu/kernel.js';

/** Variants by name; the first is the default one. */
const VARIANTS: Record<string, Partial<Pick<KernelRequest, 'variant' | 'toggles' | 'stateBudget'>>> = {
  default: {},
  replay: { stateBudget: 0 },
  unchecked: { toggles: ['disable_robustness'] },
  transposed: { variant: { slopes: 'columns' } },
  'tile-24': { variant: { tile: 24 } },
  'half-the-parts': { variant: { parts: 10 } },
  'few-parts': { variant: { parts: 4, tile: 64 } },
};

/**
 * Peaks without tensor cores by name of the device, TFLOP/s of float32 and GB/s: NVIDIA's data sheets of the H100 SXM5
 * and the H200.
 */
const PEAKS: readonly [RegExp, { teraflops: number; gigabytes: number }][] = [
  [/H200/, { teraflops: 67, gigabytes: 4800 }],
  [/H100/, { teraflops: 67, gigabytes: 3350 }],
];

const { values: flags } = parseArgs({
  options: {
    coordinates: { type: 'string', default: '16384,131072,1048576' },
    unroll: { type: 'string', default: '20' },
    layers: { type: 'string', default: '20,20' },
    repeat: { type: 'string', default: '9' },
    /** Names of VARIANTS, `all`, or JSON of a variant. */
    variants: { type: 'string', default: 'default' },
    /** Coordinates of the variants after the first; all by default. */
    'variant-coordinates': { type: 'string' },
    /** GiB of states that are kept. */
    'state-budget': { type: 'string', default: '30' },
    'check-only': { type: 'boolean', default: false },
    'no-check': { type: 'boolean', default: false },
    'check-copies': { type: 'string', default: '1001' },
    /** Python with JAX; without it JAX is not measured. */
    jax: { type: 'string' },
    'peak-teraflops': { type: 'string' },
    'peak-gigabytes': { type: 'string' },
    /** Most seconds of one process. */
    timeout: { type: 'string', default: '150' },
    /** Where to write all figures. @default the environment variable BENCH_JSON */
    json: { type: 'string' },
    /** One measurement, in this process. */
    one: { type: 'string' },
  },
});
const numbers = (text: string): number[] => text.split(',').map(Number);

if (flags.one !== undefined) {
  const report = await measureKernel(JSON.parse(flags.one) as KernelRequest);
  process.stdout.write(`\n${JSON.stringify(report)}\n`, () => process.exit(0));
} else {
  compare();
}

interface JaxReport {
  precision: string;
  coordinates: number;
  coordinate_steps_per_second: number;
  jax: string;
  devices: string[];
}

function compare(): void {
  const sizes = numbers(flags.coordinates);
  const all: { kernels: Record<string, KernelReport | string>; jax: (JaxReport | string)[] } = { kernels: {}, jax: [] };
  const table: string[] = [];
  const path = flags.json ?? process.env['BENCH_JSON'];
  const save = (): void => {
    if (path) writeFileSync(path, `${JSON.stringify(all, undefined, 2)}\n`);
  };
  function compareJax(): void {
    for (const precision of flags.jax ? ['default', 'highest'] : []) {
      for (const coordinates of sizes) {
        const report = measureJax(coordinates, precision);
        all.jax.push(report);
        const row =
          typeof report === 'string'
            ? `JAX ${precision} ${coordinates}: ${report}`
            : row12(
                `JAX, ${precision}`,
                coordinates,
                `${megas(report.coordinate_steps_per_second)}  ${report.devices[0]}, jax ${report.jax}`,
              );
        table.push(row);
        process.stdout.write(`${row}\n`);
        save();
      }
    }
  }
  chosenVariants().forEach(([name, choice], index) => {
    const later = flags['variant-coordinates'];
    const request: KernelRequest = {
      layers: numbers(flags.layers),
      unroll: Number(flags.unroll),
      coordinates: flags['check-only'] ? [] : index > 0 && later ? numbers(later) : sizes,
      repeat: Number(flags.repeat),
      variant: {},
      stateBudget: Number(flags['state-budget']) * 2 ** 30,
      toggles: [],
      check: flags['no-check'] ? 'none' : index === 0 ? 'all' : 'timed',
      copies: Number(flags['check-copies']),
      ...choice,
    };
    const report = lastLine<KernelReport>(process.execPath, [
      fileURLToPath(import.meta.url),
      '--one',
      JSON.stringify(request),
    ]);
    all.kernels[name] = report;
    const rows = typeof report === 'string' ? [`${name}: ${report}`] : kernelRows(name, report);
    table.push(...rows);
    process.stdout.write(`${rows.join('\n')}\n`);
    save();
    if (index === 0) compareJax();
  });
  process.stdout.write(
    `\nMillion coordinate-steps/s of windows of ${flags.unroll} steps, layers ${flags.layers}; the kernel is forward and backward, ` +
      `JAX has the gradient of its quadratics in addition\n${table.join('\n')}\n`,
  );
}

function chosenVariants(): [string, (typeof VARIANTS)[string]][] {
  if (flags.variants === 'all') return Object.entries(VARIANTS);
  if (flags.variants.startsWith('{')) return [['given', { variant: JSON.parse(flags.variants) as LstmVariant }]];
  return flags.variants.split(',').map((name) => {
    const choice = VARIANTS[name];
    if (!choice) throw new RangeError(`Cannot measure: "variants" must be of ${Object.keys(VARIANTS)}, got ${name}`);
    return [name, choice];
  });
}

/** The table's rows of one variant: rate, forward and backward, shares of the peaks. */
function kernelRows(
  name: string,
  { device, kernel, compileSeconds, errors, timings, failures, flops, bytes }: KernelReport,
): string[] {
  const rows = [`${name}: ${device}; ${kernel}; compiled in ${compileSeconds.toFixed(1)} s`];
  for (const [window, error] of Object.entries(errors)) {
    rows.push(`  dφ against float64, ${window}: ${error.toExponential(1)}${error < 1e-5 ? '' : '  TOO LARGE'}`);
  }
  const known = PEAKS.find(([pattern]) => pattern.test(device))?.[1];
  const teraflops = flags['peak-teraflops'] ? Number(flags['peak-teraflops']) : known?.teraflops;
  const gigabytes = flags['peak-gigabytes'] ? Number(flags['peak-gigabytes']) : known?.gigabytes;
  for (const {
    coordinates,
    coordinateStepsPerSecond: rate,
    forwardSeconds,
    backwardSeconds,
    wallSeconds,
    keptStates,
    clock,
  } of timings) {
    const share = (value: number, peak: number | undefined) =>
      peak ? ` (${((100 * value) / peak).toFixed(1)} % of peak)` : '';
    const speed = (rate * flops) / 1e12;
    const traffic = (rate * bytes) / 1e9;
    rows.push(
      row12(
        name,
        coordinates,
        `${megas(rate)}  forward ${ms(forwardSeconds)}, backward ${ms(backwardSeconds)} (${clock}), wall ${ms(wallSeconds)}  ` +
          `${speed.toFixed(2)} TFLOP/s${share(speed, teraflops)}  ${traffic.toFixed(0)} GB/s${share(traffic, gigabytes)}` +
          `${keptStates ? '' : '  replayed'}`,
      ),
    );
  }
  return [...rows, ...failures.map((failure) => `  ${failure}`)];
}

function row12(name: string, coordinates: number, text: string): string {
  return `${name.padEnd(14)}${String(coordinates).padStart(9)}  ${text}`;
}

function megas(rate: number): string {
  return (rate / 1e6).toFixed(rate < 1e7 ? 3 : 1).padStart(8);
}

function ms(seconds: number): string {
  return `${(1000 * seconds).toPrecision(4)} ms`;
}

/** The same windows by JAX: quadratics of 10 coordinates. Its default precision on NVIDIA's GPUs is TF32. */
function measureJax(coordinates: number, precision: string): JaxReport | string {
  const script = fileURLToPath(new URL('../../../test/bench/peers/window_jax.py', import.meta.url));
  const args = ['--problem', 'quadratic', '--problems', String(Math.round(coordinates / 10))];
  args.push('--unroll', flags.unroll, '--layers', flags.layers, '--repeat', flags.repeat);
  const environment = precision === 'default' ? {} : { JAX_DEFAULT_MATMUL_PRECISION: precision };
  const report = lastLine<JaxReport>(flags.jax!, [script, ...args], environment);
  return typeof report === 'string' ? report : { ...report, precision };
}

/** Runs a program and decodes its last line; a sentence where it fails. */
function lastLine<Report>(program: string, args: string[], environment: Record<string, string> = {}): Report | string {
  const { error, status, signal, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 1000 * Number(flags.timeout),
    maxBuffer: 2 ** 26,
    env: { ...process.env, ...environment },
  });
  const said = stderr?.trim().split('\n').slice(-4).join(' | ');
  if (error) return `could not be measured: ${error.message}; ${said}`;
  if (status !== 0) return `could not be measured: ended with ${signal ?? status}; ${said}`;
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Report;
}
