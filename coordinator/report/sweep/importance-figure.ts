/** A bar chart of how much each parameter mattered. */
import type { EChartsOption } from 'echarts';
import { type Importance, importances } from '../../population/importance.js';
import { FONT } from '../end-labels.js';
import { html } from '../markup.js';
import { counted, grouped, short } from '../numbers.js';
import { type Picture, scrolling } from '../picture.js';
import { type Drawing, renderSvg } from '../svg.js';
import { compared, type ReportedSweep } from './reported-sweep.js';

/** With fewer trials the shares are only a hint: a tenth of the trials counts as the best. */
const ENOUGH = 30;
const MOST_BARS = 12;
const ROW = 44;

/** The parameters' importances, the greatest first, from the trials' values after the same round. */
export function sweepImportances(sweep: ReportedSweep): Importance[] {
  const { space, metric } = sweep.plan;
  const values = compared(sweep)?.values ?? [];
  const cost = (value: number) => (metric.goal === 'minimize' ? value : -value);
  return importances(
    space,
    values.map(({ parameters, value }) => ({ parameters, cost: cost(value) })),
  );
}

/** Undefined with fewer than two trials, or if no parameter mattered. */
export function importanceFigure(sweep: ReportedSweep): Picture | undefined {
  const found = sweepImportances(sweep);
  const basis = compared(sweep);
  if (!basis || found.every(({ share }) => share === 0)) return undefined;
  const bars = found.slice(0, MOST_BARS);
  const height = 8 + ROW * bars.length;
  const few = basis.values.length < ENOUGH ? ' With so few trials this is only a hint.' : '';
  return {
    id: 'importance',
    title: 'What mattered',
    caption: `How far the parameters of the best tenth differ from those of all (PED-ANOVA), by the ${sweep.plan.metric.name} of ${counted(basis.values.length, 'trial')} after round ${grouped(basis.round)}.${few}`,
    description: `The shares of the parameters' importance: ${bars.map(({ name, share }) => `${name} ${percent(share)}`).join(', ')}.`,
    heights: { wide: height, narrow: height },
    draw: (drawing) => renderSvg(barsOf(bars, drawing), drawing),
    numbers: scrolling(
      'Numbers of the importances',
      html`<table><thead><tr><th scope="col">parameter</th><th scope="col">share</th><th scope="col">divergence</th></tr></thead><tbody>${found.map(
        ({ name, share, value }) =>
          html`<tr><th scope="row">${name}</th><td>${percent(share)}</td><td>${short(value)}</td></tr>\n`,
      )}</tbody></table>`,
    ),
  };
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function barsOf(bars: readonly Importance[], { size: [width], palette }: Drawing): EChartsOption {
  const greatest = Math.max(...bars.map(({ share }) => share));
  const room = width - 70;
  const texts = bars.flatMap(({ name, share }, index) => {
    const top = 4 + ROW * index;
    const length = Math.max(2, (room * share) / greatest);
    const style = { fill: palette.text, font: `${FONT.size}px ${FONT.family}`, verticalAlign: 'middle' as const };
    return [
      { type: 'text' as const, silent: true, x: 2, y: top + 9, style: { ...style, text: name } },
      {
        type: 'rect' as const,
        silent: true,
        shape: { x: 2, y: top + 20, width: length, height: 14 },
        style: { fill: palette.lines[2]! },
      },
      {
        type: 'text' as const,
        silent: true,
        x: 2 + length + 6,
        y: top + 27,
        style: { ...style, text: percent(share) },
      },
    ];
  });
  return { animation: false, graphic: texts };
}
