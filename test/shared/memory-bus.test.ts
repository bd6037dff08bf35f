import { setImmediate as nextTurn } from 'node:timers/promises';
import { MemoryBus } from '../../shared/bus/memory-bus.js';
import { testBus } from '../contracts/bus.js';

testBus({
  name: 'memory',
  create: async (test) => {
    const bus = new MemoryBus();
    test.after(() => bus.close());
    // every microtask, and those that they queue, runs before the next turn
    return { coordinator: bus, workers: bus, settle: () => nextTurn() };
  },
});
