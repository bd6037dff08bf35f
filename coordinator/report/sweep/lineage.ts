/** Lineage of a population: which trial became a copy of which, and when. */
import type { EChartsOption, LineSeriesOption } from 'echarts';
import { chartAxis } from '../axes.js';
import { FONT, LETTER } from '../end-labels.js';
import { html } from '../markup.js';
import { counted, grouped } from '../numbers.js';
import { type Picture, scrolling } from '../picture.js';
import { linearScale, type Scale } from '../scale.js';
import { type Drawing, renderSvg } from '../svg.js';
import { parametersText } from './parameter-axis.js';
import { bestTrial, type ReportedSweep, type ReportedTrial } from './reported-sweep.js';

/** A trial between two forks. */
export interface Stretch {
  trial: number;
  segment: number;
  from: number;
  to: number;
  /** The segment that it copied; null if it began with φ_0. */
  parent: { trial: number; segment: number } | null;
  /** The round up to which the best trial descends from it; null if it does not. */
  ancestorUntil: number | null;
}

/** The stretches of all trials, by trial; the ancestors of the best trial are marked. */
export function stretchesOf(trials: readonly ReportedTrial[], best: ReportedTrial | undefined): Stretch[] {
  const ancestors = new Map<string, number>();
  for (let at = best && { trial: best.number, segment: best.history.segments.length - 1, round: best.round }; at; ) {
    ancestors.set(`${at.trial}/${at.segment}`, at.round);
    const { from } = trials[at.trial]!.history.segments[at.segment]!;
    at = from ?? undefined;
  }
  return trials.flatMap(({ number, round, history: { segments } }) =>
    segments.map(({ from }, segment): Stretch => {
      const end = segments[segment + 1]?.from?.round ?? Math.max(round, from?.round ?? 0);
      return {
        trial: number,
        segment,
        from: from?.round ?? 0,
        to: end,
        parent: from && { trial: from.trial, segment: from.segment },
        ancestorUntil: ancestors.get(`${number}/${segment}`) ?? null,
      };
    }),
  );
}

/** Undefined if no trial was forked. */
export function lineage(sweep: ReportedSweep): Picture | undefined {
  const { trials, plan } = sweep;
  const best = bestTrial(sweep);
  const stretches = stretchesOf(trials, best);
  const forks = stretches.filter(({ parent }) => parent !== null);
  if (forks.length === 0) return undefined;
  const lane = Math.max(7, Math.min(30, 700 / trials.length));
  const height = Math.round(lane * trials.length + 60);
  const rows = forks
    .toSorted((a, b) => a.from - b.from || a.trial - b.trial)
    .map(({ from, trial, parent, segment }) => {
      const { parameters } = trials[trial]!.history.segments[segment]!;
      return html`<tr><th scope="row">${grouped(from)}</th><td>${trial}</td><td>${parent!.trial}</td><td>${parametersText(plan.space, parameters)}</td></tr>\n`;
    });
  return {
    id: 'lineage',
    title: 'Who became a copy of whom',
    caption:
      'Every row is a trial. At a cross it was given up and continued as a copy of the trial that the slanted line ' +
      'comes from, with varied parameters. The thick line shows where the best φ comes from.',
    description: descriptionOf(sweep, best, stretches),
    heights: { wide: height, narrow: height },
    draw: (drawing) => renderSvg(optionOf(trials.length, stretches, plan.rounds, drawing), drawing),
    numbers: scrolling(
      'Copies, by round',
      html`<table><thead><tr><th scope="col">after round</th><th scope="col">trial</th><th scope="col">copy of</th><th scope="col">continued with</th></tr></thead><tbody>${rows}</tbody></table>`,
    ),
  };
}

/** The best trial's line of descent: `trial 2 to round 40, then trial 5`. */
function descriptionOf(
  { trials }: ReportedSweep,
  best: ReportedTrial | undefined,
  stretches: readonly Stretch[],
): string {
  const forks = stretches.filter(({ parent }) => parent !== null);
  const copied = new Map<number, number>();
  for (const { parent } of forks) copied.set(parent!.trial, (copied.get(parent!.trial) ?? 0) + 1);
  const [most] = [...copied].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  const all = `The ${trials.length} trials were replaced by copies of others ${counted(forks.length, 'time')}; trial ${most![0]} was copied most, ${counted(most![1], 'time')}.`;
  if (!best) return all;
  const line = stretches
    .filter(({ ancestorUntil }) => ancestorUntil !== null)
    .sort((a, b) => a.ancestorUntil! - b.ancestorUntil!);
  const words = line.map(({ trial, ancestorUntil }) => `trial ${trial} to round ${grouped(ancestorUntil!)}`);
  return `${all} The best φ, of trial ${best.number}, is that of ${words.join(', then ')}.`;
}

function optionOf(
  count: number,
  stretches: readonly Stretch[],
  rounds: number,
  { size: [, height], palette }: Drawing,
): EChartsOption {
  const x = linearScale(0, Math.max(rounds, ...stretches.map(({ to }) => to)), true);
  // labels every trial if there is room
  const every = Math.ceil((1.3 * FONT.size * count) / (height - 60));
  const y: Scale = {
    kind: 'linear',
    min: -0.7,
    max: count - 0.3,
    ticks: Array.from({ length: count }, (_, trial) => ({ at: trial, label: String(trial) })).filter(
      ({ at }) => at % every === 0,
    ),
    place: (value) => value,
  };
  const forkRounds = [...new Set(stretches.map(({ from }) => from))].sort((a, b) => a - b);
  // a copy starts slightly after its round, so that the lines to several copies do not overlap
  const gaps = forkRounds.map((round, index) => (forkRounds[index + 1] ?? rounds) - round).filter((gap) => gap > 0);
  const slant = 0.3 * Math.min(...gaps, x.max / 4);
  const lines = stretches.flatMap((stretch) => linesOf(stretch, slant, stretches, palette));
  const left = 14 + LETTER * String(count - 1).length;
  return {
    animation: false,
    textStyle: { fontFamily: FONT.family, fontSize: FONT.size },
    grid: { left: left + 18, right: 22, top: 10, bottom: 44, outerBoundsMode: 'none' },
    xAxis: { ...chartAxis(x, palette, false), name: 'round', nameLocation: 'middle', nameGap: 28 },
    yAxis: {
      ...chartAxis(y, palette, false),
      inverse: true,
      name: 'trial',
      nameLocation: 'middle',
      nameGap: left,
    },
    series: lines,
  };
}

/** The stretch itself, and the slanted line from its parent. */
function linesOf(
  { trial, segment, from, to, parent, ancestorUntil }: Stretch,
  slant: number,
  all: readonly Stretch[],
  { lines, muted }: { lines: readonly string[]; muted: string },
): LineSeriesOption[] {
  const own = ancestorUntil !== null;
  const givenUp = all.some((other) => other.trial === trial && other.segment === segment + 1);
  const begin = parent ? from + slant : from;
  const base = { type: 'line' as const, silent: true, clip: false, animation: false };
  const thick = { color: lines[0]!, width: 3.5 };
  const thin = { color: muted, width: 1 };
  const series: LineSeriesOption[] = [
    {
      ...base,
      showSymbol: givenUp,
      symbol: (_: unknown, { dataIndex }: { dataIndex: number }) => (dataIndex === 1 ? CROSS : 'none'),
      symbolSize: 8,
      itemStyle: { color: lines[1]!, borderColor: lines[1]!, borderWidth: 1.5 },
      lineStyle: thin,
      z: 2,
      data: [
        [begin, trial],
        [Math.max(to, begin), trial],
      ],
    },
  ];
  if (own) {
    series.push({
      ...base,
      showSymbol: false,
      lineStyle: thick,
      z: 4,
      data: [
        [begin, trial],
        [Math.max(ancestorUntil, begin), trial],
      ],
    });
  }
  if (parent) {
    series.push({
      ...base,
      showSymbol: true,
      symbol: (_: unknown, { dataIndex }: { dataIndex: number }) => (dataIndex === 1 ? 'circle' : 'none'),
      symbolSize: 6,
      itemStyle: { color: own ? lines[0]! : lines[2]! },
      lineStyle: own ? thick : { color: lines[2]!, width: 1.25 },
      z: own ? 4 : 3,
      data: [
        [from, parent.trial],
        [from + slant, trial],
      ],
    });
  }
  return series;
}

const CROSS = 'path://M0 0L8 8M8 0L0 8';
