/** The empty live page, with elements for its script to fill. */

import { html, Markup } from '../../coordinator/report/markup.js';
import { scrolling } from '../../coordinator/report/picture.js';
import { STYLE } from '../../coordinator/report/style.js';
import { LIVE_SCRIPT } from './live-script.js';
import type { StatusFields, StatusTables } from './status-view.js';

const OWN_STYLE = `
header { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; align-items: baseline; }
header h1 { flex: 1 1 16rem; }
#connection { color: var(--muted); }
button { font: inherit; padding: 0.25rem 0.75rem; }
button[aria-pressed="true"] { font-weight: bold; }
#table-events td, #table-events th { text-align: left; white-space: normal; }
`;

/** The parts of a live page besides its figures; the script finds them by name. */
export interface LiveLayout {
  /** The heading of the figures. */
  heading: string;
  /** Labels of fields by name. */
  fields: Readonly<Record<string, string>>;
  tables: readonly { name: string; title: string; columns: readonly string[] }[];
}

const FIELDS: Readonly<Record<keyof StatusFields, string>> = {
  rounds: 'Rounds',
  pace: 'Pace',
  metaLoss: 'Meta-loss of the last episode',
  heldOut: 'Newest held-out evaluation',
  faults: 'Faults healed',
};

const TABLES: readonly (LiveLayout['tables'][number] & { name: keyof StatusTables })[] = [
  { name: 'workers', title: 'Workers', columns: ['worker', 'threads', 'shards', 'state'] },
  {
    name: 'baselines',
    title: 'Tuned hand-designed optimizers',
    columns: ['optimizer', 'sum', 'at rate', 'final', 'at rate'],
  },
  { name: 'events', title: 'What happened', columns: ['time', 'event'] },
];

/** The page of a run. */
export const RUN_LAYOUT: LiveLayout = { heading: 'Training', fields: FIELDS, tables: TABLES };

/** The page as text, with its script. */
export function livePage(title: string, layout: LiveLayout): { html: string; script: string } {
  const fields = Object.entries(layout.fields).map(
    ([name, text]) => html`<dt>${text}</dt><dd id="field-${name}">-</dd>\n`,
  );
  const text = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${new Markup(STYLE)}${new Markup(OWN_STYLE)}</style>
</head>
<body>
<main>
<header>
<h1>${title}</h1>
<button type="button" id="pause" aria-pressed="false">Pause</button>
</header>
<p class="verdict"><span id="state" role="status">connecting</span> <span id="connection" role="status"></span></p>
<dl>${fields}</dl>
<section aria-labelledby="training">
<h2 id="training">${layout.heading}</h2>
<div id="figures"></div>
</section>
${layout.tables.map(tableSection)}<noscript><p>This page needs its own script to stay up to date; <a href="status.json">status.json</a> does not.</p></noscript>
</main>
<script>${new Markup(LIVE_SCRIPT)}</script>
</body>
</html>
`.text;
  return { html: text, script: LIVE_SCRIPT };
}

function tableSection({ name, title, columns }: LiveLayout['tables'][number]): Markup {
  const heads = columns.map((column) => html`<th scope="col">${column}</th>`);
  const table = html`<table id="table-${name}" class="${name}"><thead><tr>${heads}</tr></thead><tbody></tbody></table>`;
  return html`<section aria-labelledby="${name}" hidden>
<h2 id="${name}">${title}</h2>
${scrolling(title, table)}
</section>
`;
}
