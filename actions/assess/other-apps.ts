import { ConfigurationError } from '../../src/errors.ts';
import { savingPercent, type Cost } from '../../src/migration/cost.ts';
import { blockersIn, undecidedIn, type Verdict } from '../../src/migration/item.ts';
import { assessmentOf, type AssessedUnder, type Assessment } from './assessment.ts';
import type { DecidedFor } from './decided-for.ts';
import type { OthersFound } from './pipeline.ts';
import type { AppFound } from './read-app.ts';

/** One of several apps in a line: for the record and the table. */
export interface AppLine {
  app: string;
  /** Of migration.yml; `null`: no file names the app. */
  environment: string | null;
  /** In its pipeline; `null`: it belongs to none. */
  stage: string | null;
  /** `parked`: on Heroku runs the placeholder of a cutover, so nothing of it is planned. */
  verdict: Verdict | 'parked';
  automatic: number;
  decisions: number;
  blockers: number;
  /** US dollars a month; not `complete`: at least so many. */
  before: Price;
  after: Price;
  /** `null`: not all prices are known. */
  savingPercent: number | null;
}

type Price = Pick<Cost, 'usdPerMonth' | 'complete'>;

/** What became of the other apps of a pipeline and of migration.yml. */
export interface OtherApps {
  pipeline: string | null;
  assessments: Assessment[];
  parked: string[];
  /** What could not be read of them: `what: why`. */
  unknown: string[];
  reviewApps: number;
}

/** Assesses each of the other apps; one for which nothing can be proposed is told. */
export function assessOthers(
  found: OthersFound,
  decidedFor: (app: AppFound) => DecidedFor,
  under: Pick<AssessedUnder, 'catalogue' | 'recordedOffers' | 'unknown' | 'now'>,
): OtherApps {
  const unknown = [...found.unknown];
  const moving = found.apps.filter(({ inventory }) => !inventory.parked);
  const assessments = moving.flatMap((app) => {
    try {
      return [assessmentOf(app, { ...decidedFor(app), ...under })];
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      unknown.push(`the app ${app.inventory.app.name}: ${error.message}`);
      return [];
    }
  });
  return {
    pipeline: found.pipeline,
    assessments,
    parked: found.apps.filter(({ inventory }) => inventory.parked).map(({ inventory }) => inventory.app.name),
    unknown,
    reviewApps: found.reviewApps,
  };
}

export function lineOf({ inventory, stage, plan, environment, proposed }: Assessment): AppLine {
  const { items, costs, verdict } = plan;
  const decisions = undecidedIn(items).length;
  const blockers = blockersIn(items).length;
  return {
    app: inventory.app.name,
    environment: proposed ? null : environment.name,
    stage,
    verdict,
    automatic: items.length - decisions - blockers,
    decisions,
    blockers,
    before: priceOf(costs.before),
    after: priceOf(costs.after),
    savingPercent: savingPercent(costs.before, costs.after),
  };
}

/** Both sides of all apps together. What could not be read of them leaves both sums a lower bound. */
export function totalCosts(own: Assessment, others: OtherApps | undefined): { before: Cost; after: Cost } {
  const all = [own, ...(others?.assessments ?? [])].map(({ plan }) => plan.costs);
  const known = others === undefined || (others.unknown.length === 0 && others.parked.length === 0);
  return {
    before: together(
      all.map(({ before }) => before),
      known,
    ),
    after: together(
      all.map(({ after }) => after),
      known,
    ),
  };
}

function together(costs: readonly Cost[], known: boolean): Cost {
  const cents = costs.reduce((sum, { usdPerMonth }) => sum + Math.round(usdPerMonth * 100), 0);
  return {
    usdPerMonth: cents / 100,
    complete: known && costs.every(({ complete }) => complete),
    lines: costs.flatMap(({ lines }) => lines),
  };
}

function priceOf({ usdPerMonth, complete }: Cost): Price {
  return { usdPerMonth, complete };
}
