import type { DynoSize } from './catalogue.ts';
import { startDyno, stopDyno } from './dyno.ts';
import { born, currentRelease, type App, type Dyno, type Platform } from './platform.ts';

/** Starts and stops dynos until they are what the formation says; those that fit are left alone. */
export function reconcile(platform: Platform, app: App): void {
  const release = currentRelease(app);
  const commands = release?.slug?.processTypes ?? {};
  for (const entry of app.formation) {
    const running = formationDynos(app, entry.type);
    const wanted = commands[entry.type] === undefined ? 0 : entry.quantity;
    for (const dyno of running.slice(wanted)) void stopDyno(platform, app, dyno);
    for (const number of missingNumbers(running, wanted)) {
      if (!release) break;
      startDyno(platform, app, {
        name: `${entry.type}.${number}`,
        type: entry.type,
        command: commands[entry.type] ?? '',
        size: entry.size,
        release,
        oneOff: false,
      });
    }
  }
  app.events.emit('change');
}

/**
 * New dynos of the current release start at once while the old ones get SIGTERM: that is what Heroku does without
 * preboot, and why requests wait while the new ones boot.
 */
export function restart(platform: Platform, app: App, wanted: (dyno: Dyno) => boolean = () => true): void {
  for (const dyno of app.dynos.filter((one) => !one.oneOff && !one.stopping && wanted(one))) {
    void stopDyno(platform, app, dyno);
  }
  reconcile(platform, app);
}

/**
 * Brings the formation into line with the process types of a newly released slug. New types begin with no dyno (web
 * with one, on the first deployment); a type that the slug does not have any more is forgotten with its quantity.
 */
export function adoptProcessTypes(
  platform: Platform,
  app: App,
  processTypes: Record<string, string>,
  defaultSize: DynoSize,
): void {
  const first = app.formation.length === 0;
  for (const dyno of app.dynos) {
    if (!dyno.oneOff && !(dyno.type in processTypes)) void stopDyno(platform, app, dyno);
  }
  app.formation = app.formation.filter(({ type }) => type in processTypes);
  for (const type of Object.keys(processTypes)) {
    if (app.formation.some((entry) => entry.type === type)) continue;
    app.formation.push({
      ...born(platform),
      type,
      quantity: first && type === 'web' ? 1 : 0,
      size: app.formation[0]?.size ?? defaultSize,
    });
  }
}

/** Dynos of a type that are meant to run, by number. */
export function formationDynos(app: App, type: string): Dyno[] {
  return app.dynos
    .filter((dyno) => dyno.type === type && !dyno.oneOff && !dyno.stopping)
    .sort((a, b) => numberOf(a) - numberOf(b));
}

function missingNumbers(running: Dyno[], wanted: number): number[] {
  const taken = new Set(running.slice(0, wanted).map(numberOf));
  const numbers: number[] = [];
  for (let number = 1; taken.size + numbers.length < wanted; number += 1) {
    if (!taken.has(number)) numbers.push(number);
  }
  return numbers;
}

function numberOf(dyno: Dyno): number {
  return Number(dyno.name.split('.')[1]);
}
