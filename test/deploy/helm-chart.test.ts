import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { VERSION } from '../../shared/config.js';
import { type Schema, schemaErrors } from '../fixtures/json-schema.js';
import { deployPath, deployText } from '../fixtures/shipped.js';

interface Values {
  run: Record<string, unknown>;
  nats: { configMap: { merge: { data: Record<string, string> } }; container: { env: Record<string, unknown> } };
}

const CHART = 'helm/lopt';
const values = parse(deployText(`${CHART}/values.yaml`), { merge: true }) as Values;
const schema = JSON.parse(deployText(`${CHART}/values.schema.json`)) as Schema;
const templates = readdirSync(deployPath(`${CHART}/templates`));

function with_(path: string, value: unknown): unknown {
  const copy = structuredClone(values) as unknown as Record<string, unknown>;
  const parts = path.split('.');
  const last = parts.pop()!;
  const place = parts.reduce((node, part) => node[part] as Record<string, unknown>, copy);
  if (value === undefined) delete place[last];
  else place[last] = value;
  return copy;
}

describe('values.schema.json', () => {
  it('takes values.yaml', () => {
    assert.deepEqual(schemaErrors(schema, values), []);
  });

  it('takes other values that are right', () => {
    for (const [path, value] of [
      ['run', { problem: 'mlp', rounds: 100, seconds: null, arguments: ['--shards', '64'] }],
      ['connection.url', 'tls://nats.example:4222'],
      ['worker.podDisruptionBudget.maxUnavailable', 2],
    ] as const) {
      assert.deepEqual(schemaErrors(schema, with_(path, value)), [], path);
    }
  });

  it('refuses what is wrong, and names its place', () => {
    for (const [path, value, place] of [
      ['run', { problem: 'mlp', rounds: 100, seconds: 60 }, '$.run'],
      ['run', { problem: 'mlp', rounds: null, seconds: null }, '$.run'],
      ['run.name', 'a.b', '$.run.name'],
      ['run.arguments', [64], '$.run.arguments[0]'],
      // a password in a URL would be seen by everybody who may list pods
      ['connection.url', 'nats://user:secret@host:4222', '$.connection.url'],
      ['coordinator.replicas', 0, '$.coordinator.replicas'],
      ['worker.threads', '4', '$.worker.threads'],
      ['worker.threds', 4, '$.worker.threds'],
      ['image.pullPolicy', 'Sometimes', '$.image.pullPolicy'],
      ['nats.enabled', undefined, '$.nats.enabled'],
    ] as const) {
      const errors = schemaErrors(schema, with_(path, value));
      assert.ok(
        errors.some((error) => error.startsWith(`${place} `)),
        `${path}: ${errors.join('; ')}`,
      );
    }
  });
});

describe('the chart lopt', () => {
  it('is of the version of lopt', () => {
    const { appVersion, dependencies } = parse(deployText(`${CHART}/Chart.yaml`)) as {
      appVersion: string;
      dependencies: { name: string; condition: string }[];
    };
    assert.equal(appVersion, VERSION);
    assert.deepEqual(
      dependencies.map(({ name, condition }) => [name, condition]),
      [['nats', 'nats.enabled']],
    );
  });

  it('has NATS check who may do what by the very file that the tests of permissions use', () => {
    assert.equal(values.nats.configMap.merge.data['accounts.conf'], deployText('nats/accounts.conf'));
    const variables = [...deployText('nats/accounts.conf').matchAll(/\$(LOPT_\w+)/g)].map((match) => match[1]);
    assert.deepEqual(Object.keys(values.nats.container.env).sort(), variables.sort());
  });

  it('uses values that there are', () => {
    for (const name of templates) {
      for (const [, path] of deployText(`${CHART}/templates/${name}`).matchAll(/\.Values\.([A-Za-z.]+)/g)) {
        const found = path!
          .split('.')
          .reduce<unknown>((node, part) => (node as Record<string, unknown> | undefined)?.[part], values);
        assert.notEqual(found, undefined, `${name}: .Values.${path}`);
      }
    }
  });

  it('opens and closes what its templates open', () => {
    for (const name of templates) {
      const text = deployText(`${CHART}/templates/${name}`).replace(/\{\{-? ?\/\*[\s\S]*?\*\/ ?-?\}\}/g, '');
      const actions = [...text.matchAll(/\{\{-?\s*(\w+)/g)].map((match) => match[1]!);
      const opened = actions.filter((word) => ['if', 'with', 'range', 'define'].includes(word)).length;
      assert.equal(actions.filter((word) => word === 'end').length, opened, name);
    }
  });
});
