import { formationDynos } from './formation.ts';
import type { App, Dyno, Platform } from './platform.ts';
import type { RouterErrorCode } from './router-error.ts';

/** Round robin per app. */
const turns = new WeakMap<App, number>();

/**
 * The dyno that shall serve a request. Heroku's router holds a request only while web dynos are starting and none is
 * up (75 s, then H20); with no web dyno at all it answers H14 at once, when all have crashed H10. Maintenance mode
 * ends also the waiting.
 */
export async function chooseWebDyno(
  platform: Platform,
  app: App,
  gone: AbortSignal,
  refused: ReadonlySet<Dyno> = new Set(),
): Promise<Dyno | RouterErrorCode> {
  const giveUp = performance.now() + platform.played.holdSeconds * 1000;
  for (;;) {
    if (app.maintenance) return 'H80';
    const dynos = formationDynos(app, 'web');
    const up = dynos.filter((dyno) => dyno.state === 'up');
    const open = up.filter((dyno) => !refused.has(dyno));
    const turn = turns.get(app) ?? 0;
    turns.set(app, turn + 1);
    const chosen = open[turn % open.length];
    if (chosen) return chosen;
    if (up.length > 0) return 'H21';
    if (dynos.length === 0) return 'H14';
    if (!dynos.some((dyno) => dyno.state === 'starting')) return 'H10';
    const left = giveUp - performance.now();
    if (left <= 0 || gone.aborted || platform.stopped) return 'H20';
    await changeOrTimeout(app, left, gone);
  }
}

async function changeOrTimeout(app: App, milliseconds: number, gone: AbortSignal): Promise<void> {
  const end = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => end.resolve(undefined), milliseconds);
  const abort = (): void => end.resolve(undefined);
  gone.addEventListener('abort', abort, { once: true });
  app.events.once('change', abort);
  await end.promise;
  clearTimeout(timer);
  app.events.off('change', abort);
  gone.removeEventListener('abort', abort);
}
