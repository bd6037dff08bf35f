/** The style sheet of a report: light and dark, from the width of a phone up. */
import { DARK, declarationsOf, LIGHT } from './palette.js';

export const STYLE = `
:root { color-scheme: light dark; --card: #f6f6f6; ${declarationsOf(LIGHT)} }
@media (prefers-color-scheme: dark) { :root { --card: #222222; ${declarationsOf(DARK)} } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0.5rem 0; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 0.5rem; }
h3 { font-size: 1rem; margin: 0 0 0.5rem; }
.verdict { font-size: 1.1rem; }
figure { margin: 0 0 1.5rem; }
figure svg { display: block; width: 100%; height: auto; }
figure svg.narrow { display: none; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0 1.25rem; margin: 0 0 0.25rem; padding: 0; font-size: 0.875rem; }
figure .legend svg, .legend svg { display: inline-block; width: 36px; height: 14px; vertical-align: middle; }
figcaption { color: var(--muted); font-size: 0.875rem; margin-top: 0.5rem; }
details { font-size: 0.875rem; margin-top: 0.25rem; }
summary { cursor: pointer; color: var(--muted); }
.halves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1rem 2rem; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)); gap: 0.5rem 1.5rem; margin-top: 0.5rem; }
.halves > *, .panels > * { min-width: 0; }
.scroll { overflow-x: auto; overflow-wrap: normal; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.75rem; border-bottom: 1px solid var(--grid); text-align: right; white-space: nowrap; }
thead th { vertical-align: bottom; white-space: normal; min-width: 4.5rem; }
th:first-child, .settings td, .trials :is(th, td):nth-child(2) { text-align: left; }
tbody th { font-weight: normal; }
tr.learned > *, td.best { font-weight: bold; }
.settings th, .settings td { white-space: normal; vertical-align: top; }
.settings td { overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1rem; margin: 0.5rem 0 1.5rem; }
dt { color: var(--muted); }
dd { margin: 0; }
pre { background: var(--card); padding: 0.75rem; margin: 0.5rem 0; border-radius: 0.25rem; white-space: pre-wrap; }
code { font-family: ui-monospace, monospace; font-size: 0.875rem; }
@media (max-width: 40rem) {
  figure svg.wide { display: none; }
  figure svg.narrow { display: block; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 0.5rem; }
}
@media print { details, .scroll { overflow: visible; } }
`;
