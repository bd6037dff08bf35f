import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { coordinator } from '../../deploy/commands/coordinator.js';
import { flagNames } from '../../deploy/commands/flags.js';
import { worker } from '../../deploy/commands/worker.js';
import { exportedMetrics } from '../fixtures/exported-metrics.js';
import { parseExposition } from '../fixtures/exposition.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { deployPath, deployText } from '../fixtures/shipped.js';

/** Files of deploy/ by what they end in; the templates of the chart are no YAML before they are rendered. */
function filesOf(...endings: string[]): string[] {
  const names = readdirSync(deployPath(''), { recursive: true, encoding: 'utf8' });
  // nor is what the API documentation's packages and pages hold anything that is shipped
  const others = /templates\/|^docs\/(node_modules|api)\//;
  return names.filter((name) => endings.some((ending) => name.endsWith(ending)) && !others.test(name));
}

interface Panel {
  title: string;
  targets?: { expr: string }[];
}

interface Rule {
  alert: string;
  expr: string;
}

const dashboard = JSON.parse(deployText('helm/lopt/dashboards/lopt.json')) as {
  panels: Panel[];
  annotations: { list: { expr: string }[] };
  templating: { list: { definition?: string }[] };
};
const alerts = (parse(deployText('prometheus/alerts.yml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  ({ rules }) => rules,
);

/** Every query that is shipped, with where it stands. */
const queries: [string, string][] = [
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }): [string, string] => [`panel "${title}"`, expr]),
  ),
  ...dashboard.annotations.list.map(({ expr }): [string, string] => ['annotation', expr]),
  ...dashboard.templating.list.flatMap(({ definition }): [string, string][] =>
    definition ? [['variable', definition]] : [],
  ),
  ...alerts.map(({ alert, expr }): [string, string] => [`alert ${alert}`, expr]),
];

/** The names of metrics in a query. */
function namesIn(query: string): string[] {
  return query.match(/\b(?:lopt|process|nodejs)_[a-z0-9_]+/g) ?? [];
}

describe('the shipped YAML and JSON files', () => {
  for (const name of filesOf('.yaml', '.yml', '.json')) {
    it(`${name} parses, with no key twice`, () => {
      const documents = parseAllDocuments(deployText(name), { merge: true, uniqueKeys: true });
      assert.ok(documents.length > 0);
      for (const { errors, warnings } of documents) assert.deepEqual([...errors, ...warnings], []);
      if (name.endsWith('.json')) JSON.parse(deployText(name));
    });
  }
});

describe('the shipped queries', () => {
  /** Labels of each sample that the roles export. */
  const exported = new Map<string, Set<string>>();

  before(async () => {
    for (const text of await exportedMetrics()) {
      for (const { samples } of parseExposition(text).values()) {
        for (const { name, labels } of samples) {
          exported.set(name, new Set([...(exported.get(name) ?? []), ...Object.keys(labels)]));
        }
      }
    }
  });

  it('name metrics that the roles export', () => {
    assert.ok(queries.length > 40);
    for (const [where, query] of queries) {
      const names = namesIn(query);
      assert.ok(names.length > 0, where);
      for (const name of names) assert.ok(exported.has(name), `${where} names ${name}`);
    }
  });

  it('ask for labels that those metrics have', () => {
    // what Prometheus adds to every series
    const added = ['job', 'instance'];
    for (const [where, query] of queries) {
      const known = new Set([...added, ...namesIn(query).flatMap((name) => [...exported.get(name)!])]);
      const asked = [
        ...[...query.matchAll(/\b(?:by|on)\s*\(([^)]*)\)/g)].flatMap((match) => match[1]!.split(/\s*,\s*/)),
        ...[...query.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map((match) => match[1]!),
      ];
      for (const label of asked) assert.ok(known.has(label), `${where} asks for the label ${label}`);
    }
  });

  it('show every metric of lopt', () => {
    const shown = new Set(
      queries.flatMap(([, query]) => namesIn(query)).map((name) => name.replace(/_bucket$/, '_sum')),
    );
    const own = [...exported.keys()].filter((name) => name.startsWith('lopt_') && !/_(bucket|count)$/.test(name));
    assert.deepEqual(
      own.filter((name) => !shown.has(name)),
      [],
    );
  });

  it('are PromQL, by promtool', (context) => {
    const promtool = process.env['PROMTOOL_BIN'] ?? 'promtool';
    if (spawnSync(promtool, ['--version']).error) {
      context.skip('needs promtool: install it (Debian: apt install prometheus), or name it in PROMTOOL_BIN');
      return;
    }
    const rules = queries
      .filter(([where]) => where !== 'variable')
      .map(([, query], i) => ({ record: `query:${i}`, expr: query.replaceAll('$__rate_interval', '1m') }));
    const file = join(temporaryFolder(context), 'queries.yml');
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }));
    for (const args of [
      ['check', 'rules', file],
      ['check', 'config', deployPath('prometheus/prometheus.yml')],
    ]) {
      const { status, stdout, stderr } = spawnSync(promtool, args, { encoding: 'utf8' });
      assert.equal(status, 0, stdout + stderr);
    }
  });
});

describe('the shipped commands', () => {
  /** Places in which a role is started with flags. */
  const starts = [
    'docker/compose.yaml',
    'systemd/lopt-worker.service',
    'systemd/lopt-coordinator@.service',
    'helm/lopt/templates/coordinator.yaml',
    'helm/lopt/templates/worker.yaml',
  ];
  const known = [coordinator, worker].flatMap(flagNames);
  const others = new Set([
    'config.file',
    'storage.tsdb.path',
    'storage.tsdb.retention.time',
    'build',
    'scale',
    'profile',
  ]);

  for (const name of starts) {
    it(`${name} gives flags that there are`, () => {
      const flags = [...deployText(name).matchAll(/(?<![\w-])--([a-z][a-z.-]*)/g)].map((match) => match[1]!);
      const wrong = flags.filter((flag) => !known.includes(flag) && !others.has(flag));
      // the server's own flag
      assert.deepEqual(name === 'docker/compose.yaml' ? wrong.filter((flag) => flag !== 'config') : wrong, []);
      assert.ok(flags.includes('metrics-port'));
    });
  }

  it('hold no password', () => {
    for (const name of [
      ...starts,
      'docker/example.env',
      'docker/Dockerfile',
      'docker/Dockerfile.gpu',
      'nats/accounts.conf',
    ]) {
      for (const line of deployText(name).split('\n')) {
        if (line.trimStart().startsWith('#')) continue;
        const given = /\bpassword["']?\s*[:=]\s*(\S+)/i.exec(line)?.[1];
        if (given !== undefined) assert.match(given, /^\$/, `${name}: ${line}`);
      }
    }
  });
});

describe('the images', () => {
  const { files } = JSON.parse(readFileSync(deployPath('../package.json'), 'utf8')) as { files: string[] };

  for (const name of ['docker/Dockerfile', 'docker/Dockerfile.gpu']) {
    it(`${name} holds what the package does, and runs it as a user of no rights`, () => {
      const text = deployText(name);
      for (const path of files.filter((each) => !each.startsWith('!'))) {
        assert.ok(text.includes(`\nCOPY --from=build /lopt/${path} /lopt/${path}\n`), path);
      }
      const last = text.slice(text.lastIndexOf('\nFROM '));
      // the compiler stays behind, and an image without native kernels is not built
      const stage = text.slice(text.indexOf('\nFROM '), text.indexOf('\nFROM ', text.indexOf('\nFROM ') + 1));
      assert.match(stage, /apt-get install [^\n]* gcc libc6-dev /);
      assert.match(stage, /npm run build [^\n]*\n && ls dist\/worker\/devices\/native\/prebuilds\/\*\/\*\.node /);
      assert.doesNotMatch(last, /\bgcc\b/);
      assert.match(last, /\nUSER 1000:1000\n/);
      assert.match(last, /\nHEALTHCHECK [^\n]*\\\n[^\n]*\/livez/);
    });
  }
});

describe('the systemd units', () => {
  it('are as systemd-analyze demands, and hardened', (context) => {
    const { error, stdout: version } = spawnSync('systemd-analyze', ['--version'], { encoding: 'utf8' });
    if (error || Number(/^systemd (\d+)/.exec(version)?.[1]) < 250) {
      context.skip('needs systemd-analyze of systemd 250 or later: install it (Debian: apt install systemd)');
      return;
    }
    const folder = temporaryFolder(context);
    const units = readdirSync(deployPath('systemd')).map((name) => {
      // with a run, and with programs that are on every machine
      const path = join(folder, name.replace('@', '@demo'));
      writeFileSync(path, deployText(`systemd/${name}`).replaceAll(/\/usr\/s?bin\/(lopt|nats-server)\b/g, '/bin/true'));
      return path;
    });
    assert.equal(units.length, 3);
    const verified = spawnSync('systemd-analyze', ['verify', '--man=no', ...units], { encoding: 'utf8' });
    assert.deepEqual([verified.status, verified.stderr], [0, '']);
    for (const unit of units) {
      const rated = spawnSync('systemd-analyze', ['security', '--offline=yes', '--threshold=20', unit], {
        encoding: 'utf8',
      });
      assert.equal(rated.status, 0, rated.stdout.split('\n').at(-2));
    }
  });
});
