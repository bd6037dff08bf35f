/** The trials of a sweep as a table, the best first. */
import { html, type Markup } from '../markup.js';
import { counted, grouped, short } from '../numbers.js';
import { scrolling } from '../picture.js';
import { valueText } from './parameter-axis.js';
import { bestTrial, type ReportedSweep, type ReportedTrial, ranked } from './reported-sweep.js';
import { STANDING_WORDS } from './standing.js';

/** Trials shown without unfolding. */
const SHOWN = 25;
/** Failures whose reasons are listed. */
const MOST_REASONS = 10;

export function trialsTable(sweep: ReportedSweep): Markup {
  const all = ranked(sweep);
  const best = bestTrial(sweep);
  // the best trial ran in full; another may have a better value after fewer rounds
  const ordered = best ? [best, ...all.filter((trial) => trial !== best)] : all;
  const [first, rest] = [ordered.slice(0, SHOWN), ordered.slice(SHOWN)];
  const more =
    rest.length === 0
      ? ''
      : html`<details><summary>The other ${counted(rest.length, 'trial')}</summary>${tableOf(sweep, rest, undefined, 'The other trials')}</details>\n`;
  return html`${tableOf(sweep, first, best, 'Trials')}
${more}${reasonsOf(sweep.trials)}`;
}

function tableOf(
  { plan }: ReportedSweep,
  trials: readonly ReportedTrial[],
  best: ReportedTrial | undefined,
  name: string,
): Markup {
  const names = plan.space.map((parameter) => parameter.name);
  const heads = ['trial', 'state', 'rounds', plan.metric.name, ...names].map(
    (head) => html`<th scope="col">${head}</th>`,
  );
  const rows = trials.map((trial) => {
    const { number, standing, round, value, parameters } = trial;
    const isBest = trial === best;
    const cells = [
      `${STANDING_WORDS[standing]}${isBest ? ', best' : ''}`,
      grouped(round),
      short(value),
      ...names.map((parameter) => valueText(parameters[parameter])),
    ].map((cell) => html`<td>${cell}</td>`);
    return html`<tr${isBest ? html` class="learned"` : ''}><th scope="row">${number}</th>${cells}</tr>\n`;
  });
  return scrolling(name, html`<table class="trials"><thead><tr>${heads}</tr></thead><tbody>${rows}</tbody></table>`);
}

/** Why trials failed, if known. */
function reasonsOf(trials: readonly ReportedTrial[]): Markup | string {
  const reasons = trials.filter(({ why }) => why !== null);
  if (reasons.length === 0) return '';
  const told = reasons.slice(0, MOST_REASONS).map(({ number, why }) => html`<li>Trial ${number}: ${why!}</li>\n`);
  const more = reasons.length - told.length;
  return html`<h3>Why trials failed</h3>
<ul>${told}${more > 0 ? html`<li>and ${counted(more, 'other')}</li>` : ''}</ul>\n`;
}
