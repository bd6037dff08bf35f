import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { exportedMetrics } from '../fixtures/exported-metrics.js';
import { parseExposition } from '../fixtures/exposition.js';

/** Base units of Prometheus, and what other names may end in where they count things or have no unit. */
const UNITS = /_(seconds|bytes|ratio|info|total|seconds_total|bytes_total)$/;
/** The units that a base unit takes the place of. */
const OTHER_UNITS = /(milli|micro|nano)seconds|minutes|hours|kilobytes|megabytes|percent|_(ms|us|ns|kb|mb)(_|$)/;

describe('the metrics of both roles', () => {
  it('are as the text format demands', async () => {
    for (const text of await exportedMetrics()) assert.ok(parseExposition(text).size > 20);
  });

  it('of lopt begin with lopt_, in base units, and counters alone end in _total', async () => {
    for (const text of await exportedMetrics()) {
      for (const { name, type } of parseExposition(text).values()) {
        assert.match(name, /^(lopt|process|nodejs)_[a-z0-9_]+$/);
        assert.doesNotMatch(name, OTHER_UNITS);
        assert.equal(type === 'counter', name.endsWith('_total'), name);
        assert.equal(type === 'histogram', name.endsWith('_duration_seconds'), name);
        if (/second|byte/.test(name)) assert.match(name, name.startsWith('lopt_') ? UNITS : /_(seconds|bytes)/);
      }
    }
  });

  it('pass promtool', async (context) => {
    const promtool = process.env['PROMTOOL_BIN'] ?? 'promtool';
    if (spawnSync(promtool, ['--version']).error) {
      context.skip('needs promtool: install it (Debian: apt install prometheus), or name it in PROMTOOL_BIN');
      return;
    }
    for (const input of await exportedMetrics()) {
      const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], { input, encoding: 'utf8' });
      assert.deepEqual([status, stdout, stderr], [0, '', '']);
    }
  });
});
