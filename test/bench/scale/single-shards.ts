/** A worker's bus that undoes the pre-adding: every shard's sum goes by itself. */
import type { Bus } from '../../../shared/bus/bus.js';
import { coverage } from '../../../shared/sum-tree.js';
import { pseudoLeaf } from './pseudo-gradient.js';

/**
 * The bus, with each result of a node sent as those of its leaves. Nodes of more shards than a worker's part go as they
 * are: the first worker has all shards until an episode ends.
 *
 * @param part shards of a worker
 */
export function withSingleShards(bus: Bus, shards: number, part: number): Bus {
  return {
    toCoordinator(message) {
      const { first, end } = message.type === 'result' ? coverage(message.node, shards) : { first: 0, end: 0 };
      if (message.type !== 'result' || end - first > part) {
        bus.toCoordinator(message);
        return;
      }
      const { node, round, replayed } = message;
      for (let shard = first; shard < end; shard++) {
        const leaf = pseudoLeaf(shard, round, node.metaGradient.length, node.problems / (end - first));
        bus.toCoordinator({ ...message, node: leaf, replayed: shard === first ? replayed : 0 });
      }
    },
    toWorker: (worker, message) => bus.toWorker(worker, message),
    toAllWorkers: (message) => bus.toAllWorkers(message),
    onCoordinator: (...handlers) => bus.onCoordinator(...handlers),
    onWorker: (worker, handler) => bus.onWorker(worker, handler),
    onUnreachable: (handler) => bus.onUnreachable(handler),
    onReconnect: (handler) => bus.onReconnect(handler),
    close: () => bus.close(),
  };
}
