/** Checks every message at the edge of a bus: its shape, its sizes, and that it belongs to the run. */
import { canonicalJson } from './canonical-json.js';
import { digestOf, type RunConfig } from './config.js';
import { configShape, MOST_SHARDS } from './config-shape.js';
import { LONGEST_SENTENCE } from './errors.js';
import { PUBLIC_KEY } from './keys.js';
import type {
  AnnounceMessage,
  ChunkScores,
  EvaluationChunk,
  ResultMessage,
  ShardRange,
  ToCoordinator,
  ToWorker,
  VoteMessage,
} from './messages.js';
import { MOST_HORIZONS } from './options/general.js';
import { phiLength } from './phi.js';
import {
  doubles,
  exactly,
  finite,
  finiteFloats,
  integer,
  list,
  object,
  type Shape,
  ShapeError,
  sentence,
  shapeError,
  tagged,
  text,
} from './shape.js';
import { coverage, type NodePlace, type TreeNode } from './sum-tree.js';

/** The most entries of a φ, and functions of a chunk, that are believed before the run is known. */
const MOST_ENTRIES = 2 ** 24;
const MOST_FUNCTIONS = 2 ** 16;

const digest = text(64, /^[0-9a-f]{64}$/);
const id = text(64, /^[A-Za-z0-9_-]+$/);
const publicKey = text(43, PUBLIC_KEY);
/** What a stranger says, and this process may show: why it leaves, why it is refused, what its engine is. */
const words = sentence(LONGEST_SENTENCE);
const count = integer(0);
const counting = integer(1);

const between0and1: Shape<number> = (value, at) => {
  const number = finite(value, at);
  if (number >= 0 && number <= 1) return number;
  throw shapeError(at, 'from 0 to 1', value);
};

/** What the sizes in a run's messages must be, or may be at most where its configuration is not known yet. */
interface Sizes {
  /** T, and how often it may have grown. */
  horizon: number;
  growths: number;
  phi: { shortest: number; longest: number };
  shards: number;
  functions: number;
  /** Problems of a shard; undefined where any number goes. */
  problems: number | undefined;
}

const ANY_SIZES: Sizes = {
  horizon: Number.MAX_SAFE_INTEGER,
  growths: MOST_HORIZONS,
  phi: { shortest: 1, longest: MOST_ENTRIES },
  shards: MOST_SHARDS,
  functions: MOST_FUNCTIONS,
  problems: undefined,
};

function sizesOf(config: RunConfig): Sizes {
  const { architecture, shards, problems, horizon, longestHorizon, curriculum } = config;
  const { horizons } = curriculum;
  const length = phiLength(architecture);
  return {
    horizon: Math.max(horizon, longestHorizon, ...horizons),
    growths: horizons.length,
    phi: { shortest: length, longest: length },
    shards,
    functions: problems,
    problems,
  };
}

function placeFields(shards: number) {
  return { level: integer(0, Math.ceil(Math.log2(shards))), index: integer(0, shards - 1) };
}

/** Throws ShapeError where the node lies beyond the shards. */
function checkPlace(node: NodePlace, shards: number, at: string): { first: number; end: number } {
  const covered = coverage(node, shards);
  if (covered.first >= covered.end) throw shapeError(`${at}.index`, `a node over ${shards} shards`, node.index);
  return covered;
}

function placeShape({ shards }: Sizes): Shape<NodePlace> {
  const fields = object<NodePlace>(placeFields(shards));
  return (value, at) => {
    const place = fields(value, at);
    checkPlace(place, shards, at);
    return place;
  };
}

function copiesShape(sizes: Sizes): Shape<NodePlace[]> {
  return list(placeShape(sizes), 65536);
}

function nodeShape({ phi, shards, problems }: Sizes): Shape<TreeNode> {
  const fields = object<TreeNode>({
    ...placeFields(shards),
    metaGradient: finiteFloats(phi),
    loss: finite,
    finalLoss: finite,
    healthy: count,
    problems: count,
  });
  return (value, at) => {
    const node = fields(value, at);
    const { first, end } = checkPlace(node, shards, at);
    if (problems !== undefined && node.problems !== (end - first) * problems) {
      throw shapeError(`${at}.problems`, `${(end - first) * problems}`, node.problems);
    }
    if (node.healthy > node.problems) throw shapeError(`${at}.healthy`, `at most ${node.problems}`, node.healthy);
    return node;
  };
}

function scoresShape({ functions }: Sizes): Shape<ChunkScores> {
  const values = doubles({ shortest: 1, longest: functions });
  // curves are measured where they are drawn, and do not travel
  const fields = object<Omit<ChunkScores, 'curve'>>({ chunk: count, initial: values, sum: values, final: values });
  return (value, at) => {
    const scores = fields(value, at);
    const { length } = scores.initial;
    for (const name of ['sum', 'final'] as const) {
      if (scores[name].length !== length) throw shapeError(`${at}.${name}`, `as long as initial`, scores[name]);
    }
    return scores;
  };
}

function toCoordinatorShape(sizes: Sizes): Shape<ToCoordinator> {
  return tagged<ToCoordinator>({
    hello: object({
      type: exactly('hello'),
      worker: id,
      incarnation: count,
      threads: integer(1, 65536),
      fingerprint: words,
      protocol: count,
      digest,
    }),
    heartbeat: object({
      type: exactly('heartbeat'),
      worker: id,
      incarnation: count,
      ranges: rangesShape(sizes),
      copies: copiesShape(sizes),
    }),
    goodbye: object({ type: exactly('goodbye'), worker: id, error: words }, ['error']),
    result: object<ResultMessage>({
      type: exactly('result'),
      worker: id,
      digest,
      round: counting,
      node: nodeShape(sizes),
      replayed: count,
    }),
    vote: object<VoteMessage>({
      type: exactly('vote'),
      worker: id,
      digest,
      round: counting,
      node: placeShape(sizes),
      hash: digest,
    }),
    evaluation: object({
      type: exactly('evaluation'),
      worker: id,
      digest,
      round: count,
      scores: scoresShape(sizes),
    }),
  });
}

function rangeShape({ shards }: Sizes): Shape<ShardRange> {
  const fields = object<ShardRange>({ first: integer(0, shards - 1), end: integer(1, shards) });
  return (value, at) => {
    const range = fields(value, at);
    if (range.first >= range.end) throw shapeError(`${at}.end`, `above ${range.first}`, range.end);
    return range;
  };
}

function rangesShape(sizes: Sizes): Shape<ShardRange[]> {
  return list(rangeShape(sizes), 65536);
}

/** The rounds after which the horizon grew. */
function grownShape({ growths }: Pick<Sizes, 'growths'>): Shape<number[]> {
  return list(counting, growths);
}

/** An announcement whose digest is that of its configuration. */
const announce: Shape<AnnounceMessage> = (value, at) => {
  const message = object<AnnounceMessage>(
    {
      type: exactly('announce'),
      run: id,
      term: counting,
      round: count,
      grown: grownShape(ANY_SIZES),
      config: configShape,
      digest,
      coordinator: id,
      doubleCheck: between0and1,
      keys: object({ sign: publicKey, agree: publicKey }),
    },
    ['grown', 'keys'],
  )(value, at);
  if (message.grown) grownShape(sizesOf(message.config))(message.grown, `${at}.grown`);
  // of what was sent, not of what is known here: another version may have more fields
  const sent = (value as AnnounceMessage).config;
  if (digestOf(sent) !== message.digest) throw shapeError(`${at}.digest`, 'that of its configuration', message.digest);
  if (canonicalJson(sent) !== canonicalJson(message.config)) {
    throw new ShapeError(`"${at}.config" must have the options of this version, and it has others`);
  }
  return message;
};

function toWorkerShape(sizes: Sizes): Shape<ToWorker> {
  return tagged<ToWorker>({
    announce,
    refuse: object({ type: exactly('refuse'), worker: id, reason: words }),
    rejoin: object({ type: exactly('rejoin') }),
    order: object({
      type: exactly('order'),
      term: counting,
      round: count,
      ranges: rangesShape(sizes),
      copies: copiesShape(sizes),
    }),
    phi: object(
      {
        type: exactly('phi'),
        term: counting,
        round: count,
        grown: grownShape(sizes),
        phi: finiteFloats(sizes.phi),
      },
      ['grown'],
    ),
    evaluate: object(
      {
        type: exactly('evaluate'),
        term: counting,
        round: count,
        phi: finiteFloats(sizes.phi),
        horizon: integer(1, sizes.horizon),
        chunks: list(object<EvaluationChunk>({ chunk: count, count: integer(1, sizes.functions) }), MOST_FUNCTIONS),
      },
      ['horizon'],
    ),
    finished: object({ type: exactly('finished') }),
  });
}

/** Checks the messages of one run. Sizes are exact once its configuration is known. */
export class MessageChecker {
  readonly #run: string | undefined;
  #digest: string | undefined;
  #toCoordinator: Shape<ToCoordinator>;
  #toWorker: Shape<ToWorker>;

  /** @param run whose announcements count; by default any run's @param config of the run; else the announcement's */
  constructor(run?: string, config?: RunConfig) {
    this.#run = run;
    const sizes = config ? sizesOf(config) : ANY_SIZES;
    this.#digest = config && digestOf(config);
    this.#toCoordinator = toCoordinatorShape(sizes);
    this.#toWorker = toWorkerShape(sizes);
  }

  /** What a worker sent; throws ShapeError. */
  toCoordinator(value: unknown): ToCoordinator {
    return this.#toCoordinator(value, 'message');
  }

  /** What the coordinator sent; throws ShapeError. */
  toWorker(value: unknown): ToWorker {
    const message = this.#toWorker(value, 'message');
    if (message.type === 'announce') {
      const isOurs = this.#run === undefined || message.run === this.#run;
      if (!isOurs) throw shapeError('message.run', JSON.stringify(this.#run), message.run);
      this.#learn(message);
    }
    return message;
  }

  #learn({ config, digest }: AnnounceMessage): void {
    if (digest === this.#digest) return;
    this.#digest = digest;
    const sizes = sizesOf(config);
    this.#toCoordinator = toCoordinatorShape(sizes);
    this.#toWorker = toWorkerShape(sizes);
  }
}

/** Checks an announcement of whatever run; throws ShapeError. */
export function checkAnnouncement(value: unknown): AnnounceMessage {
  return announce(value, 'message');
}
