/** A page section with a comparison: learning curves and table. */
import type { ComparedOptimizer } from '../comparison.js';
import { COMPARISON_COLUMNS, type ComparisonColumn } from './comparison-table.js';
import type { EvaluationReport } from './evaluation-report.js';
import { fullFigure, panelFigure } from './figure.js';
import { type LearningCurves, learningCurves } from './learning-curves.js';
import { html, type Markup, withIndices } from './markup.js';
import { grouped } from './numbers.js';
import { scrolling } from './picture.js';

export async function evaluationSection(report: EvaluationReport): Promise<Markup> {
  const curves = learningCurves(report);
  const { functions, tuneFunctions, problem, horizon, optimizers } = report;
  return html`<section aria-labelledby="comparison">
<h2 id="comparison">Against tuned hand-designed optimizers</h2>
${curves ? await curvesOf(curves) : ''}
<p>Means with their standard errors over ${grouped(functions)} fresh functions of ${problem}, ${horizon} steps. The
learning rate of every hand-designed optimizer was tuned on ${grouped(tuneFunctions)} other functions, separately for
the sum and for the final loss. The best number of a column is bold.</p>
${scrolling('Comparison of the optimizers', comparisonTable(optimizers))}
</section>
`;
}

async function curvesOf({ all, pairs }: LearningCurves): Promise<Markup> {
  const panels: Markup[] = [];
  for (const pair of pairs) panels.push(await panelFigure(pair));
  return html`${await fullFigure(all)}
<details><summary>Each of them beside φ</summary>
<div class="panels">
${panels}</div>
</details>
`;
}

function comparisonTable(rows: readonly ComparedOptimizer[]): Markup {
  const heads = COMPARISON_COLUMNS.map(
    ({ title, fullTitle }) => html`<th scope="col">${withIndices(fullTitle ?? title)}</th>`,
  );
  const lines = rows.map((row) => {
    const cells = COMPARISON_COLUMNS.slice(1).map((column) => {
      const best = isBest(row, rows, column) ? html` class="best"` : '';
      return html`<td${best}>${column.cell(row)}</td>`;
    });
    return html`<tr><th scope="row">${row.name}</th>${cells}</tr>\n`;
  });
  return html`<table><thead><tr>${heads}</tr></thead><tbody>${lines}</tbody></table>`;
}

function isBest(row: ComparedOptimizer, rows: readonly ComparedOptimizer[], { rank }: ComparisonColumn): boolean {
  const mine = rank?.(row) ?? null;
  return mine !== null && rows.every((other) => (rank?.(other) ?? mine) >= mine);
}
