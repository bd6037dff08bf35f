/** Which tests run in which gate: all in `npm test`; in `npm run test:quick` all but those of e2e/ and NAME.slow.test.ts. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { findNatsServer } from '../../deploy/cluster/nats-server.js';
import { ROOT } from '../fixtures/application.js';
import { forbidPrograms, hideEverything } from './bare-machine.js';

const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

describe('the gates', () => {
  it('take every test file there is: each lies in a folder of test/, as their patterns say', () => {
    const files = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' });
    const tests = files.filter((path) => path.endsWith('.test.ts'));
    assert.ok(tests.length > 100);
    for (const path of tests) assert.match(path, /^[a-z0-9]+\/[a-z0-9-]+(\.slow)?\.test\.ts$/);
    assert.match(scripts['test']!, / dist\/test\/\*\/\*\.test\.js$/);
    const quick = "$(find dist/test -name '*.test.js' ! -path '*/e2e/*' ! -name '*.slow.test.js' | sort -r)";
    assert.ok(scripts['test:quick']!.endsWith(` ${quick}`));
  });

  it('the quick one hides what there is beside Node from its tests, and keeps them from starting it', () => {
    const environment: NodeJS.ProcessEnv = { PATH: process.env['PATH'] };
    hideEverything(environment);
    assert.equal(findNatsServer(environment), undefined);
    const starts = { spawn, spawnSync };
    forbidPrograms(starts);
    assert.throws(() => starts.spawn('sleep', ['9']), /^Error: Cannot start sleep in the quick gate: move the test/);
    const { status, error } = starts.spawnSync('sleep', ['0']);
    assert.deepEqual([status, error!.message.slice(0, 18)], [null, 'Cannot start sleep']);
    assert.match(scripts['test:quick']!, /^node --import "\$PWD\/dist\/test\/quick\/bare-machine\.js" --test /);
  });
});
