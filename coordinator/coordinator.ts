/** The coordinator: owns φ, opens the rounds, adds up what the workers send, and keeps the journal. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Bus } from '../shared/bus/bus.js';
import type { RunConfig } from '../shared/config.js';
import { LoptError } from '../shared/errors.js';
import type { Decision, Journal } from '../shared/journal/journal.js';
import type { Logger } from '../shared/logger.js';
import type { PhiMessage, ResultMessage, ToCoordinator, VoteMessage } from '../shared/messages.js';
import { SparingLogger } from '../shared/sparing-logger.js';
import type { TreeNode } from '../shared/sum-tree.js';
import { timelineAt } from '../shared/timeline.js';
import type { Checkpoints } from './checkpoint.js';
import { CrossCheck } from './cross-check.js';
import { growthAt, validationHorizon } from './curriculum.js';
import { Evaluations } from './evaluations.js';
import { goBack } from './go-back.js';
import { better, type LearnerState, learn, type ScoredPhi } from './learner.js';
import { Membership, type MembershipOptions } from './membership.js';
import type { RunObserver } from './observer.js';
import { type Goal, Pacer } from './pacer.js';
import { recover } from './recovery.js';
import type { Member } from './roster.js';
import { OpenRound } from './round.js';

export interface CoordinatorOptions {
  run: string;
  config: RunConfig;
  digest: string;
  bus: Bus;
  journal: Journal;
  checkpoints: Checkpoints;
  /** φ_0. */
  phi: Float64Array;
  /** What the run begins with instead of φ_0, where its configuration says so. */
  start?: LearnerState;
  goal: Goal;
  /** Drops the rounds beyond this one first, and goes on from it. */
  fromRound?: number;
  logger: Logger;
  observer?: RunObserver;
  /** Seconds between two checkpoints. @default 5 */
  checkpointSeconds?: number;
  /** Ends the run after the round that is open. */
  signal?: AbortSignal;
  /** Whether the error of the last worker ends the run, which otherwise waits for another one. @default false */
  failWithLastWorker?: boolean;
  /** Seconds without any worker after which the run ends with an error. @default no end */
  workerTimeout?: number;
  /** Share of the shards that two workers compute; the workers' must be the same. @default DOUBLED_SHARE */
  doubledShare?: number;
  /** When a worker counts as late or gone. */
  patience?: Pick<MembershipOptions, 'deadlines' | 'silence'> & {
    /** Seconds without a new chunk after which an evaluation's missing ones are ordered again. @default 10 */
    evaluation?: number;
  };
}

/** How a run ended. */
export interface RunEnd {
  state: LearnerState;
  /** The best φ, those counted that no evaluation round of the run covers any more: the last one. */
  best: ScoredPhi;
  interrupted: boolean;
}

const ANNOUNCE_MS = 1000;
const WAITING_MS = 10_000;
const TICK_MS = 250;

export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #membership: Membership;
  readonly #strangers: SparingLogger;
  readonly #crossCheck: CrossCheck;
  readonly #evaluations: Evaluations;
  #state!: LearnerState;
  #term = 0;
  #lastSaved = 0;
  /** Since when there is no worker, in milliseconds. */
  #aloneSince: number | undefined;
  #open: OpenRound | undefined;
  /** Settles what `run` waits for: the open round's sum, or undefined where the run ends without it. */
  #summed: (root: TreeNode | undefined) => void = () => {};
  #fail: (error: Error) => void = () => {};

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    const { bus, logger, digest, config, patience, observer, doubledShare } = options;
    this.#strangers = new SparingLogger(logger);
    this.#membership = new Membership({
      bus,
      logger,
      digest,
      config,
      doubledShare,
      ...patience,
      onReassigned: (worker, why) => observer?.reassigned?.(worker, why),
    });
    this.#crossCheck = new CrossCheck({
      membership: this.#membership,
      logger,
      onOrdered: (members) => this.#brief(members),
      onBanned: (worker, round, node) => observer?.banned?.(worker, round, node),
    });
    this.#evaluations = new Evaluations({
      bus,
      config,
      members: () => this.#membership.members,
      term: () => this.#term,
      horizonOf: (round) => this.#validationHorizon(round),
      patience: patience?.evaluation,
      onScores: (round, scores, phi) => observer?.evaluated?.(round, scores, phi, this.#validationHorizon(round)),
      onFailed: (error) => this.#fail(error),
    });
  }

  /** Who works on the run now. */
  get members(): readonly Member[] {
    return this.#membership.members;
  }

  /** Recovers what the journal holds and trains until the goal, the signal, or an error. */
  async run(): Promise<RunEnd> {
    const { bus, journal, checkpoints, config, digest, phi, fromRound, logger, observer, signal } = this.#options;
    const found = await checkpoints.read(digest);
    for (const sentence of found.damaged) logger.warn(sentence);
    const usable =
      fromRound === undefined
        ? found.checkpoints
        : await goBack({ journal, checkpoints, found: found.checkpoints, phi, config }, fromRound);
    const { state, term, from } = await recover(
      journal,
      usable,
      phi,
      config,
      (record, metaGradientNorm) => observer?.recovered?.(record, metaGradientNorm),
      this.#options.start,
    );
    this.#state = state;
    this.#term = term;
    this.#lastSaved = from;
    await checkpoints.dropAbove(state.round);
    this.#membership.term = term;
    this.#membership.fingerprint = state.fingerprint;
    observer?.started?.(this.#state.round, this.#term);
    // what is saved elsewhere, as φ's own files, is of the rounds beyond
    if (fromRound !== undefined) await this.#save();

    const failed = new Promise<never>((_resolve, reject) => {
      this.#fail = reject;
    });
    const subscriptions = [
      bus.onCoordinator((message) => this.#receive(message)),
      bus.onUnreachable((worker) => this.#lose(worker)),
      bus.onReconnect(() => this.#repeat()),
    ];
    const announcing = setInterval(() => this.#announce(), ANNOUNCE_MS);
    const waiting = setInterval(() => {
      if (this.#membership.size === 0) observer?.waiting?.();
    }, WAITING_MS);
    const ticking = setInterval(() => this.#tick(), TICK_MS);
    const onAbort = () => this.#endIfAlone();
    signal?.addEventListener('abort', onAbort);
    try {
      this.#announce();
      const end = await Promise.race([this.#train(), failed]);
      // where it fails, another coordinator may lead it, or soon will
      bus.toAllWorkers({ type: 'finished' });
      return end;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      clearInterval(announcing);
      clearInterval(waiting);
      clearInterval(ticking);
      for (const unsubscribe of subscriptions) unsubscribe();
    }
  }

  async #train(): Promise<RunEnd> {
    const { journal, config, goal, logger, observer, signal, checkpointSeconds = 5 } = this.#options;
    const pacer = new Pacer(goal, config.outer, () => performance.now());
    let savedAt = performance.now();
    let appended = Promise.resolve();
    this.#evaluateCandidate();
    let sum = signal?.aborted || pacer.reached(this.#state) ? undefined : this.#startRound();
    while (sum) {
      const root = await sum;
      if (!root) break;
      const { startedAt, replayed } = this.#open!;
      const summedAt = performance.now();
      const decisions = await this.#decide(pacer);
      const decidedAt = performance.now();
      const { state, record, metaGradientNorm } = learn(this.#state, { ...root, decisions }, config, this.#term);
      this.#state = state;
      sum = signal?.aborted || pacer.reached(state) ? undefined : this.#startRound();
      const learnedAt = performance.now();

      // the workers compute while the journal is written: had this process ended between, they would compute the same again
      await Promise.all([appended, nextTurn()]);
      const writingAt = performance.now();
      appended = journal.append(record);
      appended.catch(() => {}); // awaited, and thrown, before the next record
      if (record.skipped)
        logger.warn(`Round ${record.round} is skipped: no problem was healthy, or the sum was not finite`, {
          round: record.round,
        });
      for (const decision of decisions) {
        if (decision.type === 'plan') observer?.planned?.(decision.rounds);
        if (decision.type === 'horizon') observer?.grown?.(record.round, decision.horizon);
      }
      this.#evaluateCandidate();
      observer?.round?.(record, {
        metaGradientNorm,
        seconds: (summedAt - startedAt) / 1000,
        coordinatorSeconds: (learnedAt - decidedAt + performance.now() - writingAt) / 1000,
        workers: this.#membership.size,
        replayed,
        duplicates: this.#crossCheck.takeCompared(),
      });
      if (performance.now() - savedAt > 1000 * checkpointSeconds) {
        await appended;
        await this.#save();
        savedAt = performance.now();
      }
    }
    await appended;
    await this.#save();
    const interrupted = signal?.aborted === true && !pacer.reached(this.#state);
    return { state: this.#state, best: interrupted ? this.#bestSoFar() : await this.#bestAtEnd(), interrupted };
  }

  /** Opens the next round and sends φ. The promise gives the round's sum. */
  #startRound(): Promise<TreeNode | undefined> {
    const { config } = this.#options;
    this.#open = new OpenRound(this.#state.round + 1, config.shards, this.#state.phi.length, performance.now());
    const sum = new Promise<TreeNode | undefined>((resolve) => {
      this.#summed = resolve;
    });
    this.#crossCheck.open(this.#open);
    this.#membership.open(this.#open, timelineAt(config, this.#state.grown));
    this.#sendPhi();
    return sum;
  }

  #sendPhi(): void {
    this.#options.bus.toAllWorkers(this.#phiMessage());
  }

  #phiMessage(): PhiMessage {
    const { round, phi } = this.#state;
    return { type: 'phi', term: this.#term, round, grown: this.#grownBy(round), phi: new Float32Array(phi) };
  }

  #announce(): void {
    const { bus, run, config, digest } = this.#options;
    // the φ that was sent, not the newest: after the last round there is one more
    const round = this.#open ? this.#open.number - 1 : this.#state.round;
    bus.toAllWorkers({ type: 'announce', run, term: this.#term, round, grown: this.#grownBy(round), config, digest });
  }

  /** The rounds up to this one after which the horizon grew. */
  #grownBy(round: number): readonly number[] {
    return this.#state.grown.filter((after) => after <= round);
  }

  /** T of the evaluation of φ_round. */
  #validationHorizon(round: number): number {
    return validationHorizon(this.#options.config, this.#grownBy(round).length);
  }

  #receive(message: ToCoordinator): void {
    switch (message.type) {
      case 'hello':
        this.#brief(this.#membership.welcome(message) ?? []);
        this.#evaluations.sendAll();
        return;
      case 'heartbeat':
        this.#membership.alive(message);
        return;
      case 'goodbye':
        this.#dismiss(message.worker, message.error);
        return;
      case 'result':
        this.#take(message);
        return;
      case 'vote':
        this.#count(message);
        return;
      case 'evaluation':
        if (message.digest === this.#options.digest) this.#evaluations.add(message);
    }
  }

  #take({ worker, digest, round: number, node, replayed }: ResultMessage): void {
    const round = this.#roundOf(worker, digest, number);
    if (!round) return;
    const wrong = round.checkNode(node);
    if (wrong !== undefined) {
      this.#membership.refuse(worker, wrong);
      this.#dismiss(worker, wrong);
      return;
    }
    this.#check(() => {
      const shards = this.#crossCheck.add(worker, round, node);
      if (shards === 0) return;
      round.replayed += replayed;
      this.#membership.received(worker, shards);
    });
  }

  #count({ worker, digest, round: number, node, hash }: VoteMessage): void {
    const round = this.#roundOf(worker, digest, number);
    if (round) this.#check(() => this.#crossCheck.vote(worker, round, node, hash));
  }

  /** The round that a member's message is about, where it is open, or was a moment ago. */
  #roundOf(worker: string, digest: string, number: number): OpenRound | undefined {
    if (digest !== this.#options.digest || !this.#membership.has(worker)) return undefined;
    return this.#crossCheck.round(number);
  }

  /** Does what may end the run, or complete the open round. */
  #check(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    const open = this.#open;
    if (!open?.root || open.closed || this.#crossCheck.isDisputed) return;
    open.closed = true;
    this.#summed(open.root);
  }

  /** Looks for workers that are gone or late, and for the end of the patience without any. */
  #tick(): void {
    const { size } = this.#membership;
    this.#brief(this.#membership.tick());
    if (this.#membership.size < size) this.#regroup();
    this.#evaluations.tick();
    const { workerTimeout } = this.#options;
    if (this.#membership.size > 0) {
      this.#aloneSince = undefined;
      return;
    }
    this.#aloneSince ??= performance.now();
    if (workerTimeout !== undefined && performance.now() - this.#aloneSince > 1000 * workerTimeout) {
      this.#fail(new LoptError(`Cannot go on with the run: no worker has come for ${workerTimeout} s`));
    }
  }

  /** A worker is not there any more, and did not say so. */
  #lose(worker: string): void {
    if (!this.#membership.has(worker)) return;
    this.#options.logger.warn(`Worker ${worker} is gone: its shards go to others`);
    this.#brief(this.#membership.leave(worker, 'silent'));
    this.#regroup();
  }

  /** Says again what was lost while the bus was cut off. */
  #repeat(): void {
    this.#announce();
    if (this.#open?.number === this.#state.round + 1) this.#sendPhi();
    this.#evaluations.sendAll();
  }

  #dismiss(worker: string, error: string | undefined): void {
    if (error !== undefined && !this.#options.failWithLastWorker) {
      const logger = this.#membership.has(worker) ? this.#options.logger : this.#strangers;
      logger.error(`Worker ${worker} has failed: ${error}`, { worker });
    }
    this.#brief(this.#membership.leave(worker, 'left'));
    this.#regroup();
    if (this.#membership.size > 0) return;
    if (error !== undefined && this.#options.failWithLastWorker) this.#fail(new LoptError(error));
    this.#endIfAlone();
  }

  /** A run that is to end does not wait for a sum that nobody computes. */
  #endIfAlone(): void {
    if (this.#options.signal?.aborted && this.#membership.size === 0) this.#summed(undefined);
  }

  /** Gives workers whose orders have changed the φ of the open round. */
  #brief(members: readonly Member[]): void {
    if (members.length === 0) return;
    if (this.#open?.number === this.#state.round + 1) {
      for (const { id } of members) this.#options.bus.toWorker(id, this.#phiMessage());
    }
  }

  /** Others do what a worker that has left was to do. */
  #regroup(): void {
    this.#evaluations.sendAll();
    this.#check(() => this.#crossCheck.review());
  }

  /** What this round fixes: the engine, the plan, and the evaluation that acts now. */
  async #decide(pacer: Pacer): Promise<Decision[]> {
    const decisions: Decision[] = [];
    const { round, fingerprint, plannedRounds, candidate } = this.#state;
    if (fingerprint === null) decisions.push({ type: 'engine', fingerprint: this.#membership.fingerprint! });
    if (plannedRounds === null) {
      const rounds = pacer.plan(this.#state);
      if (rounds !== undefined) decisions.push({ type: 'plan', rounds });
    }
    if (candidate && candidate.round + this.#options.config.evaluateEvery === round + 1) {
      const { sum } = await this.#evaluations.scoresOf(candidate);
      const evaluation = { type: 'evaluation', round: candidate.round, score: sum.mean } as const;
      const growth = growthAt(this.#state, evaluation, this.#options.config);
      decisions.push(evaluation, ...(growth ? [growth] : []));
    }
    return decisions;
  }

  #evaluateCandidate(): void {
    const { candidate } = this.#state;
    if (candidate) void this.#evaluations.scoresOf(candidate);
  }

  async #save(): Promise<void> {
    const { journal, checkpoints, config, digest, observer } = this.#options;
    const { round, grown } = this.#state;
    // a checkpoint is of use only with the records up to it
    await journal.sync();
    await checkpoints.write({ digest, term: this.#term, learner: this.#state });
    observer?.saved?.(this.#state);
    // what the checkpoint before this one needs is kept: this one may turn out to be damaged
    await journal.purge(timelineAt(config, grown).oldestStart(this.#lastSaved + 1) - 1);
    this.#lastSaved = round;
  }

  #bestSoFar(): ScoredPhi {
    return this.#state.best ?? { round: this.#state.round, score: null, phi: new Float32Array(this.#state.phi) };
  }

  /** The best φ, with those counted whose score no round of the run has taken any more. */
  async #bestAtEnd(): Promise<ScoredPhi> {
    const { best, candidate, round, phi } = this.#state;
    let result = best;
    const last = { round, phi: new Float32Array(phi) };
    for (const late of candidate && candidate.round !== round ? [candidate, last] : [last]) {
      const { sum } = await this.#evaluations.scoresOf(late);
      result = better(result, { ...late, score: sum.mean });
    }
    return result!;
  }
}
