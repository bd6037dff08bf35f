/** The page of a run. */
import type { RunConfig } from '../../shared/config.js';
import type { LearnerState } from '../learner.js';
import { verdictOf } from './comparison-table.js';
import type { EvaluationReport } from './evaluation-report.js';
import { evaluationSection } from './evaluation-section.js';
import { halfFigure } from './figure.js';
import type { RunHistory } from './history.js';
import { html, type Markup } from './markup.js';
import { counted, grouped, short } from './numbers.js';
import { commandBlock, pageOf, settingsTable } from './page.js';
import { trainingFigures } from './training-figures.js';

/** Everything that the page of a run shows. */
export interface RunReport {
  config: RunConfig;
  digest: string;
  history: RunHistory;
  state: Pick<LearnerState, 'round' | 'plannedRounds' | 'fingerprint'>;
  /** A comparison of a φ of this run. */
  evaluation?: EvaluationReport | undefined;
  /** sha256 of the run's best φ, if there is one yet. */
  phi?: string | undefined;
  commands: {
    /** Reproduce φ, or resume the run if it is not complete. */
    repeat: readonly string[];
    /** Makes the comparison. */
    compare: string;
    /** Repeats the comparison. */
    evaluate?: string | undefined;
  };
}

export async function runPage(report: RunReport): Promise<string> {
  const { config, history, evaluation, digest, state, commands } = report;
  const complete = state.plannedRounds !== null && state.round >= state.plannedRounds;
  const figures: Markup[] = [];
  for (const figure of trainingFigures(history)) figures.push(await halfFigure(figure));
  const body = html`${evaluation ? html`${staleNote(report)}${await evaluationSection(evaluation)}` : ''}
<section aria-labelledby="training">
<h2 id="training">Training</h2>
${factsOf(report)}
<div class="halves">
${figures}</div>
</section>
<section aria-labelledby="again">
<h2 id="again">${complete ? 'The same bits again' : 'To resume'}</h2>
${commandBlock(commands.repeat)}
${commands.evaluate === undefined ? '' : html`<p>And the comparison:</p>${commandBlock([commands.evaluate])}`}
</section>
<section aria-labelledby="configuration">
<h2 id="configuration">Configuration</h2>
${settingsTable('Configuration', { ...config, digest, engineFingerprint: state.fingerprint })}
</section>
`;
  const verdict = evaluation
    ? html`${verdictOf(evaluation.optimizers)}`
    : html`Not compared yet: <code>${commands.compare}</code> compares φ with tuned hand-designed optimizers and draws their
learning curves here.`;
  return pageOf({ title: `φ trained on ${config.problem}, ${counted(history.round, 'round')}`, verdict, body });
}

/** The comparison may be of an earlier φ than the current one. */
function staleNote({ evaluation, phi, commands }: RunReport): Markup | string {
  if (phi === undefined || evaluation?.phi === phi) return '';
  return html`<p><strong>This comparison is of an earlier φ of this run.</strong> <code>${commands.compare}</code> makes it
again.</p>\n`;
}

function factsOf({ config, history, state: { plannedRounds } }: RunReport): Markup {
  const { round, windows, unhealthyWindows, unhealthyRounds, skippedRounds, replayed, seconds, badLines } = history;
  const planned = plannedRounds === null ? 'not planned yet' : `${grouped(plannedRounds)} planned`;
  const facts: [string, string][] = [
    ['Rounds', `${grouped(round)} (${planned})`],
    [
      'A round',
      `${config.shards} shards of ${config.problems} problems, ${config.unroll} of ${horizonText(config)} steps`,
    ],
    ['Best held-out sum', bestOf(history)],
    [
      'Unhealthy problems',
      unhealthyWindows === 0
        ? `none in ${counted(windows, 'window')}`
        : `left out of ${grouped(unhealthyWindows)} of ${counted(windows, 'window')}, in ${counted(unhealthyRounds, 'round')}`,
    ],
    ['Skipped rounds', skippedRounds === 0 ? 'none' : grouped(skippedRounds)],
    ['Windows computed again', replayed === 0 ? 'none' : `${grouped(replayed)}, after lost threads or workers`],
    ['Pace', seconds > 0 ? `${short(round / seconds)} rounds/s over ${short(seconds)} s` : 'not known'],
  ];
  if (badLines > 0) facts.push(['Left out', `${counted(badLines, 'line')} of the metrics that cannot be read`]);
  return html`<dl>${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>\n`)}</dl>`;
}

function horizonText({ horizon, longestHorizon }: RunConfig): string {
  return longestHorizon === 0 ? String(horizon) : `${horizon} to ${longestHorizon}`;
}

function bestOf({ evaluations }: RunHistory): string {
  const horizon = evaluations.at(-1)?.horizon;
  const best = evaluations
    .filter(({ sum, ...evaluated }) => sum.mean !== null && evaluated.horizon === horizon)
    .sort((a, b) => a.sum.mean! - b.sum.mean! || a.round - b.round)[0];
  return best
    ? `${short(best.sum.mean)} ± ${short(best.sum.standardError)} at round ${grouped(best.round)}`
    : 'none yet';
}
