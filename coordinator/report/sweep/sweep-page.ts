/** The page of a sweep. */
import type { SweepPlan } from '../../population/plan.js';
import { html, type Markup } from '../markup.js';
import { counted, grouped, short } from '../numbers.js';
import { commandBlock, pageOf, settingsTable } from '../page.js';
import { fullPicture, panelPicture } from '../picture.js';
import { importanceFigure, sweepImportances } from './importance-figure.js';
import { lineage } from './lineage.js';
import { memberCurves, standingsOf } from './member-curves.js';
import { parallelCoordinates } from './parallel-coordinates.js';
import { parametersText } from './parameter-axis.js';
import { bestTrial, type ReportedSweep, type ReportedTrial } from './reported-sweep.js';
import { markLooks, slices } from './slices.js';
import { markLegend } from './standing.js';
import { trialsTable } from './trials-table.js';

export interface SweepReport extends ReportedSweep {
  plan: SweepPlan;
  problem: string;
  /** Text of the sweep file. */
  file: string;
  /** Digest of the sweep file. */
  digest: string;
  version: string;
  finished: boolean;
  /** From the first trial's start to the last one's end, including pauses; null before a trial has ended. */
  seconds: number | null;
  /** Path of the best trial's φ. */
  phi: string | undefined;
  commands: {
    /** Trains the best trial again. */
    again: readonly string[];
    /** Resumes a sweep that is not over. */
    resume: string;
  };
}

/** Slices shown without unfolding. */
const SLICES = 6;

export async function sweepPage(report: SweepReport): Promise<string> {
  const { plan, trials, problem } = report;
  const best = bestTrial(report);
  const body = html`${bestSection(report, best)}${await curvesSection(report)}${await parametersSection(report)}${await lineageSection(report)}<section aria-labelledby="trials">
<h2 id="trials">Trials</h2>
${trials.length > 0 ? trialsTable(report) : html`<p>None has begun.</p>`}
</section>
${fileSection(report)}`;
  const name = plan.name === null ? 'Sweep' : `Sweep ${plan.name}`;
  return pageOf({
    title: `${name}: ${counted(trials.length, 'trial')} of φ on ${problem}`,
    verdict: verdictOf(report, best),
    body,
  });
}

function verdictOf(report: SweepReport, best: ReportedTrial | undefined): Markup {
  const { plan, trials, finished } = report;
  const metric = plan.metric.name;
  const open = finished ? '' : 'The sweep is not over. ';
  if (!best) {
    const none = trials.every(({ standing }) => standing === 'open')
      ? 'No trial has a value yet.'
      : `No trial has a finite ${metric}.`;
    return html`${open}${none}`;
  }
  const full = best.round >= plan.rounds ? '' : finished ? ' (none ran in full)' : ', the furthest so far';
  return html`${open}The best of ${counted(trials.length, 'trial')} is trial ${best.number}: ${metric} ${short(best.value)} after ${counted(best.round, 'round')}${full}, with
${parametersText(plan.space, best.parameters)}.`;
}

function bestSection(report: SweepReport, best: ReportedTrial | undefined): Markup {
  const { finished, commands, phi } = report;
  const again = best
    ? html`<p>To train the best trial again, to the same bits:</p>
${commandBlock(commands.again)}`
    : '';
  const resume = finished ? '' : html`<p>To resume the sweep:</p>${commandBlock([commands.resume])}`;
  return html`<section aria-labelledby="result">
<h2 id="result">${best ? 'The best trial' : 'The sweep'}</h2>
${resume}${again}
${factsOf(report, best, phi)}
</section>
`;
}

function factsOf(report: SweepReport, best: ReportedTrial | undefined, phi: string | undefined): Markup {
  const { plan, trials, seconds, finished } = report;
  const rounds = trials.reduce((sum, { round }) => sum + round, 0);
  const full = plan.trials * plan.rounds;
  const facts: [string, string][] = [
    ...(best && phi !== undefined ? ([['Its φ', phi]] satisfies [string, string][]) : []),
    [
      'Trials',
      `${trials.length < plan.trials ? `${trials.length} of ${plan.trials} begun: ` : ''}${standingsOf(trials) || 'none'}`,
    ],
    [
      'Rounds computed',
      `${grouped(rounds)}, ${Math.round((100 * rounds) / full)} % of the ${grouped(full)} that all trials would take in full`,
    ],
    ['How it ended', finished ? 'finished' : 'not over: interrupted or still running'],
    [
      'Time',
      seconds === null ? 'not known yet' : `${durationOf(seconds)} from the first trial’s start to the last one’s end`,
    ],
  ];
  return html`<dl>${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>\n`)}</dl>`;
}

function durationOf(seconds: number): string {
  if (seconds < 120) return counted(Math.round(seconds), 'second');
  if (seconds < 7200) return counted(Math.round(seconds / 60), 'minute');
  return `${short(seconds / 3600)} hours`;
}

async function curvesSection(report: SweepReport): Promise<Markup | string> {
  const curves = memberCurves(report);
  if (!curves) return '';
  return html`<section aria-labelledby="curves">
<h2 id="curves">Learning curves</h2>
${await fullPicture(curves)}</section>
`;
}

/** Parallel coordinates, importances and slices; empty if no trial has a value. */
async function parametersSection(report: SweepReport): Promise<Markup | string> {
  const names = sweepImportances(report).map(({ name }) => name);
  const parallel = parallelCoordinates(report, names);
  if (!parallel || names.length === 0) return '';
  const importance = importanceFigure(report);
  const panels: Markup[] = [];
  for (const slice of slices(report, names)) panels.push(await panelPicture(slice));
  const [first, more] = [panels.slice(0, SLICES), panels.slice(SLICES)];
  return html`<section aria-labelledby="parameters">
<h2 id="parameters">Parameters</h2>
${await fullPicture(parallel)}
${importance ? await fullPicture(importance) : ''}
<h3>One by one</h3>
<p>A mark is a trial, at its last ${report.plan.metric.name}.</p>
${markLegend(markLooks(report))}<div class="panels">
${first}</div>
${more.length > 0 ? html`<details><summary>The other ${counted(more.length, 'parameter')}</summary><div class="panels">${more}</div></details>` : ''}
</section>
`;
}

async function lineageSection(report: SweepReport): Promise<Markup | string> {
  const picture = lineage(report);
  if (!picture) return '';
  return html`<section aria-labelledby="descent">
<h2 id="descent">Lineage</h2>
${await fullPicture(picture)}</section>
`;
}

function fileSection({ plan, problem, file, digest, version }: SweepReport): Markup {
  const { name, description, problem: _same, space: _inFile, digest: _shown, ...rest } = plan;
  return html`<section aria-labelledby="configuration">
<h2 id="configuration">The sweep</h2>
${description === null ? '' : html`<p>${description}</p>`}
<details open><summary>Its file</summary>${commandBlock([file.trimEnd()])}</details>
${settingsTable('Configuration of the sweep', { name, problem, ...rest, digest, version })}
</section>
`;
}
