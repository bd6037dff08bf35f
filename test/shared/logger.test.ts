import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLogger, type LogFields, type LoggerOptions } from '../../shared/logger.js';

const NOON = new Date(Date.UTC(2026, 0, 2, 12, 0, 0, 7));

function written(options: Partial<LoggerOptions>): { lines: string[]; options: LoggerOptions } {
  const lines: string[] = [];
  return { lines, options: { format: 'json', now: () => NOON, write: (text) => lines.push(text), ...options } };
}

describe('createLogger() of format json', () => {
  it('writes an object a line: time, level and message first, then the context, then what it is about', () => {
    const { lines, options } = written({ context: () => ({ run: 'demo', term: 2 }) });
    const logger = createLogger(options);
    logger.info('Going on', { round: 7 });
    logger.warn('Worker "w1" is late', { worker: 'w1', late: true });
    logger.error('Broken');
    assert.deepEqual(lines, [
      '{"time":"2026-01-02T12:00:00.007Z","level":"info","message":"Going on","run":"demo","term":2,"round":7}\n',
      '{"time":"2026-01-02T12:00:00.007Z","level":"warn","message":"Worker \\"w1\\" is late","run":"demo","term":2,"worker":"w1","late":true}\n',
      '{"time":"2026-01-02T12:00:00.007Z","level":"error","message":"Broken","run":"demo","term":2}\n',
    ]);
  });

  it('keeps a record on one line, whatever the sentence holds', () => {
    const { lines, options } = written({});
    const sentence = 'first\nsecond\r\n\u2028 "third" φ \u0000';
    createLogger(options).error(sentence, { why: 'a\nb' });
    assert.equal(lines.length, 1);
    assert.equal(lines[0]!.split('\n').length, 2);
    const { message, why } = JSON.parse(lines[0]!) as Record<string, unknown>;
    assert.deepEqual([message, why], [sentence, 'a\nb']);
  });

  it('asks for the context at every record', () => {
    let context: LogFields = {};
    const { lines, options } = written({ context: () => context });
    const logger = createLogger(options);
    logger.info('before');
    context = { run: 'demo' };
    logger.info('after');
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { run?: string }).run),
      [undefined, 'demo'],
    );
  });

  it('lets nothing take the place of time, level and message, and the record that of the context', () => {
    const { lines, options } = written({ context: () => ({ level: 'none', worker: 'w1' }) });
    createLogger(options).warn('true', { message: 'false', time: 'never', worker: 'w2' });
    assert.deepEqual(JSON.parse(lines[0]!), {
      time: '2026-01-02T12:00:00.007Z',
      level: 'warn',
      message: 'true',
      worker: 'w2',
    });
  });
});

describe('createLogger() of format text', () => {
  it('writes the sentences alone', () => {
    const { lines, options } = written({ format: 'text', context: () => ({ run: 'demo' }) });
    const logger = createLogger(options);
    logger.info('Going on', { round: 7 });
    logger.error('Broken');
    assert.deepEqual(lines, ['Going on\n', 'Broken\n']);
  });
});
