import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MemoryBus } from '../../shared/bus/memory-bus.js';
import { ShapeError } from '../../shared/shape.js';
import { testBus } from '../contracts/bus.js';
import { resultOf } from '../fixtures/messages.js';

testBus({
  name: 'memory',
  create: async (test) => {
    const bus = new MemoryBus();
    test.after(() => bus.close());
    // every microtask, and those that they queue, runs before the next turn
    return {
      coordinator: bus,
      workers: bus,
      run: 'memory',
      address: (worker: string) => worker,
      settle: () => nextTurn(),
    };
  },
});

describe('MemoryBus', () => {
  it('tells the sender what is wrong with a message, in the call that sends it', async () => {
    const bus = new MemoryBus();
    const result = resultOf('a', 1, 0);
    result.node.metaGradient[2] = Number.NaN;
    const said = new ShapeError('"message.node.metaGradient[2]" must be a finite number, got NaN');
    assert.throws(() => bus.toCoordinator(result), said);
    const phi = { type: 'phi', term: 1, round: 0, phi: result.node.metaGradient } as const;
    assert.throws(() => bus.toWorker('a', phi), /"message.phi\[2\]" must be a finite number, got NaN/);
    assert.throws(() => bus.toAllWorkers(phi), ShapeError);
    await bus.close();
  });
});
