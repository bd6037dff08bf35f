import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { spread } from '../../coordinator/report/end-labels.js';
import { type ChartLine, drawLineChart } from '../../coordinator/report/line-chart.js';
import { FROM_PAGE, LIGHT, lineStyle } from '../../coordinator/report/palette.js';

const SIZE = [600, 400] as const;

function falling(name: string, factor: number): ChartLine {
  const points = Array.from({ length: 11 }, (_, x) => {
    const y = 100 * factor ** x;
    return { x, y, low: y / 2, high: 2 * y };
  });
  return { name, points };
}

/** The elements of a kind, each with its attributes. */
function elementsOf(svg: string, kind: string): Map<string, string>[] {
  return [...svg.matchAll(new RegExp(`<${kind} ([^>]*)>`, 'g'))].map(
    ([, attributes]) =>
      new Map([...attributes!.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name!, value!])),
  );
}

/** What stands between the tags of the texts. */
function textsOf(svg: string): string[] {
  return [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!);
}

describe('drawLineChart()', () => {
  it('draws every line with its own colour and dash, its band, and its name at its end', async () => {
    const lines = ['learned', 'sgd', 'adam'].map((name, index) => falling(name, 0.5 + index / 10));
    const svg = await drawLineChart({ lines, xName: 'step', yName: 'loss' }, { id: 'a', size: SIZE, palette: LIGHT });
    const texts = textsOf(svg);
    for (const text of ['learned', 'sgd', 'adam', 'step', 'loss', '100', '0.1']) assert.ok(texts.includes(text), text);
    // a line has eleven points, and so more than a grid line or a tick
    const drawn = elementsOf(svg, 'path').filter((path) => (path.get('d')!.match(/L/g) ?? []).length >= 10);
    assert.deepEqual(
      drawn.map((path) => [path.get('stroke'), path.get('stroke-dasharray')]),
      [
        // the first one last, and so above the others
        [LIGHT.lines[1], '7,3'],
        [LIGHT.lines[2], '2,2'],
        [LIGHT.lines[0], undefined],
      ],
    );
    assert.deepEqual(
      elementsOf(svg, 'polygon').map((band) => [band.get('fill'), band.get('points')!.split(' ').length / 2]),
      LIGHT.lines.slice(0, 3).map((colour) => [colour, 22]),
    );
  });

  it('places values by the logarithm: equal factors are equal distances', async () => {
    const lines = [{ name: 'halving', points: falling('', 0.5).points.map(({ x, y }) => ({ x, y })) }];
    const svg = await drawLineChart({ lines, xName: 'step' }, { id: 'a', size: SIZE, palette: LIGHT });
    const path = elementsOf(svg, 'path').find((element) => element.get('stroke') === LIGHT.lines[0])!;
    const points = [...path.get('d')!.matchAll(/[ML]([\d.]+) ([\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)]);
    assert.equal(points.length, 11);
    const [width, height] = [points[1]![0]! - points[0]![0]!, points[1]![1]! - points[0]![1]!];
    assert.ok(width > 30 && height > 20);
    points.forEach(([x, y], index) => {
      assert.ok(Math.abs(x! - points[0]![0]! - index * width) < 1, `x of point ${index}`);
      assert.ok(Math.abs(y! - points[0]![1]! - index * height) < 1, `y of point ${index}`);
    });
  });

  it('leaves a gap where there is no finite value', async () => {
    const points = falling('', 0.5).points.map((point) =>
      point.x === 5 ? { x: 5, y: null, low: null, high: null } : point,
    );
    const svg = await drawLineChart(
      { lines: [{ name: 'torn', points }], xName: 'step' },
      { id: 'a', size: SIZE, palette: LIGHT },
    );
    const path = elementsOf(svg, 'path').find((element) => element.get('stroke') === LIGHT.lines[0])!;
    assert.equal(path.get('d')!.match(/M/g)!.length, 2);
    assert.deepEqual(
      elementsOf(svg, 'polygon').map((band) => band.get('points')!.split(' ').length / 2),
      [10, 10],
    );
  });

  it('escapes names, and takes its colours from the page where it is told to', async () => {
    const lines = [falling('<b>&"', 0.5), falling('x', 0.6)];
    const svg = await drawLineChart({ lines, xName: '</svg>' }, { id: 'a', size: SIZE, palette: FROM_PAGE });
    assert.ok(svg.includes('&lt;b&gt;&amp;') && svg.includes('&lt;/svg&gt;'));
    assert.ok(!svg.includes('<b>') && svg.indexOf('</svg>') === svg.length - '</svg>'.length);
    assert.ok(svg.includes('stroke="var(--line-0)"') && svg.includes('fill="var(--text)"'));
  });

  it('makes the same bytes however many charts were drawn before, and names its parts by its own name', async () => {
    const chart = { lines: [falling('a', 0.5)], xName: 'step' };
    const first = await drawLineChart(chart, { id: 'one', size: SIZE, palette: LIGHT });
    assert.equal(await drawLineChart(chart, { id: 'one', size: SIZE, palette: LIGHT }), first);
    const ids = [...first.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id!);
    assert.ok(ids.length > 0 && ids.every((id) => id.startsWith('one-')), ids.join());
    assert.ok(first.startsWith('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 400">'));
    assert.ok(!first.includes('<style'));
  });
});

describe('spread()', () => {
  it('moves labels apart, keeps their order and stays within the bounds', () => {
    assert.deepEqual(spread([10, 50, 90], 10, 0, 100), [10, 50, 90]);
    // evenly to both sides of 51
    assert.deepEqual(spread([50, 52, 51], 10, 0, 100), [41, 61, 51]);
    // the first two make room for each other, and so reach the third: all three around (30 + 30 + 39) / 3
    assert.deepEqual(spread([30, 30, 39], 10, 0, 100), [23, 33, 43]);
    assert.deepEqual(spread([99, 98], 10, 0, 100), [100, 90]);
    assert.deepEqual(spread([-5, -6], 10, 0, 100), [10, 0]);
    // no room for ten each: evenly
    assert.deepEqual(spread([5, 5, 5], 10, 0, 10), [0, 5, 10]);
    assert.deepEqual(spread([], 10, 0, 10), []);
  });
});

describe('lineStyle()', () => {
  it('gives no two of forty lines both the same colour and the same dash', () => {
    const styles = Array.from({ length: 40 }, (_, index) => lineStyle(index, LIGHT));
    assert.equal(new Set(styles.map(({ colour, dash }) => `${colour} ${dash}`)).size, 40);
  });

  it('draws the first line thickest', () => {
    const [first, ...others] = Array.from({ length: 9 }, (_, index) => lineStyle(index, LIGHT).width);
    assert.ok(others.every((width) => width < first!));
  });
});
