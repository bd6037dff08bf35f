/** The page around a report: a single file that loads nothing. */
import { VERSION } from '../../shared/config.js';
import { escapeText, html, Markup } from './markup.js';
import { scrolling } from './picture.js';
import { STYLE } from './style.js';

/** What every report has. */
export interface PageParts {
  title: string;
  /** The result, in a sentence. */
  verdict: Markup;
  body: Markup;
}

/** The page as the text of a file. */
export function pageOf({ title, verdict, body }: PageParts): string {
  // the browser enforces the policy: no script and no request, not even for an icon
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="generator" content="lopt ${VERSION}">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p class="verdict">${verdict}</p>
${body}</main>
</body>
</html>
`.text;
}

/** A command line to copy. */
export function commandBlock(lines: readonly string[]): Markup {
  return html`<pre><code>${lines.join('\n')}</code></pre>`;
}

/** A table of names and values; nested names are joined by dots. */
export function settingsTable(caption: string, settings: object): Markup {
  const rows = flattened(settings, '').map(
    ([name, value]) => html`<tr><th scope="row">${breakable(name)}</th><td>${value}</td></tr>\n`,
  );
  return scrolling(caption, html`<table class="settings"><tbody>${rows}</tbody></table>`);
}

/** A dotted name that may wrap after a dot. */
function breakable(name: string): Markup {
  return new Markup(escapeText(name).replaceAll('.', '.<wbr>'));
}

function flattened(settings: object, prefix: string): [string, string][] {
  return Object.entries(settings).flatMap(([name, value]: [string, unknown]): [string, string][] => {
    if (typeof value !== 'object' || value === null) return [[`${prefix}${name}`, String(value ?? 'none')]];
    if (Array.isArray(value)) return [[`${prefix}${name}`, value.join(', ')]];
    return flattened(value, `${prefix}${name}.`);
  });
}
