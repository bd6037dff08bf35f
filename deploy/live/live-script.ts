/** The live page's script: it displays what the server sends and decides nothing. */
export const LIVE_SCRIPT = `
'use strict';
const byId = (id) => document.getElementById(id);
const paused = () => byId('pause').getAttribute('aria-pressed') === 'true';
const held = new Map();
let over = false;

function fillTable(body, rows) {
  body.replaceChildren(...rows.map((cells) => {
    const row = document.createElement('tr');
    row.append(...cells.map((text, index) => {
      const cell = document.createElement(index === 0 ? 'th' : 'td');
      if (index === 0) cell.scope = 'row';
      cell.textContent = text;
      return cell;
    }));
    return row;
  }));
}

function showStatus({ title, state, over: ended, fields, tables }) {
  over = ended;
  document.title = title;
  // screen readers announce it on every change, so only real changes are written
  if (byId('state').textContent !== state) byId('state').textContent = state;
  for (const [name, text] of Object.entries(fields)) byId('field-' + name).textContent = text;
  for (const [name, rows] of Object.entries(tables)) {
    const table = byId('table-' + name);
    fillTable(table.tBodies[0], rows);
    table.closest('section').hidden = rows.length === 0;
  }
}

function showFigures(markup) {
  const figures = byId('figures');
  const open = new Set([...figures.querySelectorAll('details[open]')].map((details) => details.closest('figure').id));
  const focused = figures.contains(document.activeElement)
    ? { figure: document.activeElement.closest('figure')?.id, tag: document.activeElement.tagName }
    : null;
  const scrolled = new Map([...figures.querySelectorAll('.scroll')].map((box) => [box.closest('figure')?.id, box.scrollLeft]));
  figures.innerHTML = markup;
  for (const figure of figures.querySelectorAll('figure')) {
    const details = figure.querySelector('details');
    if (details && open.has(figure.id)) details.open = true;
    const box = figure.querySelector('.scroll');
    if (box) box.scrollLeft = scrolled.get(figure.id) ?? 0;
    if (focused?.figure === figure.id) figure.querySelector(focused.tag)?.focus({ preventScroll: true });
  }
}

const show = { status: showStatus, figures: showFigures };
const source = new EventSource('events');
for (const name of Object.keys(show)) {
  source.addEventListener(name, ({ data }) => {
    if (paused()) held.set(name, data);
    else show[name](JSON.parse(data));
  });
}
source.addEventListener('open', () => { byId('connection').textContent = ''; });
source.addEventListener('error', () => {
  if (over) source.close();
  byId('connection').textContent = over ? '' : 'The connection is lost; trying again.';
});
byId('pause').addEventListener('click', () => {
  const now = !paused();
  byId('pause').setAttribute('aria-pressed', String(now));
  if (now) return;
  for (const [name, data] of held) show[name](JSON.parse(data));
  held.clear();
});
`;
