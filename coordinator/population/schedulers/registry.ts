/** The schedulers by type. */
import { drawsOf } from '../draws.js';
import type { SweepPlan } from '../plan.js';
import { asha } from './asha.js';
import { halvingBracket, synchronousBrackets } from './brackets.js';
import { hyperbandBrackets, repeatBrackets } from './hyperband.js';
import { runAll } from './none.js';
import { populationBased } from './population-based.js';
import { geometricRungs, type SchedulerSession, sessionOf } from './scheduler.js';
import { medianRule, shareRule, stoppingScheduler } from './stopping.js';

/** The scheduler of a sweep, in its initial state. @param adaptive whether proposals depend on results */
export function schedulerOf(plan: SweepPlan, adaptive: boolean): SchedulerSession {
  const { scheduler, trials, rounds, parallel, seed } = plan;
  switch (scheduler.type) {
    case 'none':
      return sessionOf(runAll({ trials, rounds, ahead: adaptive ? parallel : trials }));
    case 'successive-halving': {
      const { leastRounds, eta } = scheduler;
      return sessionOf(
        synchronousBrackets([halvingBracket(trials, geometricRungs(leastRounds, eta, rounds), eta)], adaptive),
      );
    }
    case 'hyperband': {
      const { leastRounds, eta } = scheduler;
      const brackets = repeatBrackets(hyperbandBrackets({ rounds, leastRounds, eta }), trials, eta);
      return sessionOf(synchronousBrackets(brackets, adaptive));
    }
    case 'asha': {
      const { leastRounds, eta } = scheduler;
      return sessionOf(asha({ trials, rungs: geometricRungs(leastRounds, eta, rounds), eta, parallel }));
    }
    case 'share': {
      const { checks, eta } = scheduler;
      return sessionOf(stoppingScheduler({ trials, checks, parallel, rule: shareRule(eta) }));
    }
    case 'median': {
      const { every, leastRounds, leastTrials } = scheduler;
      const checks = evenChecks(every, rounds);
      const grace = checks.filter((check) => check < leastRounds).length;
      return sessionOf(stoppingScheduler({ trials, checks, parallel, rule: medianRule({ grace, leastTrials }) }));
    }
    case 'pbt': {
      const { every, truncation } = scheduler;
      const draws = (trial: number, round: number) => drawsOf(seed, trial, `select ${round}`);
      return sessionOf(populationBased({ trials, rounds, every, truncation, draws }));
    }
  }
}

/** Rounds every, 2·every, … below `rounds`, then `rounds`. */
function evenChecks(every: number, rounds: number): number[] {
  const checks: number[] = [];
  for (let round = every; round < rounds; round += every) checks.push(round);
  return [...checks, rounds];
}
