/** The page of an evaluation. */
import { verdictOf } from './comparison-table.js';
import type { EvaluationReport } from './evaluation-report.js';
import { evaluationSection } from './evaluation-section.js';
import { html } from './markup.js';
import { commandBlock, pageOf, settingsTable } from './page.js';

/** @param command reproduces the same numbers */
export async function evaluationPage(report: EvaluationReport, command: string): Promise<string> {
  const { optimizers, ...settings } = report;
  const body = html`${await evaluationSection(report)}
<section aria-labelledby="again">
<h2 id="again">The same numbers again</h2>
${commandBlock([command])}
${settingsTable('Settings of the comparison', settings)}
</section>
`;
  return pageOf({ title: `φ on ${report.problem}`, verdict: html`${verdictOf(optimizers)}`, body });
}
