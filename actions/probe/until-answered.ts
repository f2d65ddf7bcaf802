import type { Clock } from '../../src/clock.ts';
import { askApp } from './ask-app.ts';

const PAUSE_MS = 500;

/** Asks until the app answers with this word; the caller's signal is the limit, and its error tells the last answer. */
export async function untilAnswered(
  host: string,
  word: string,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<void> {
  for (;;) {
    const { status, body } = await askApp(host);
    if (status === 200 && body === word) return;
    if (signal.aborted) throw new Error(`the app still answers ${status === 0 ? body : `HTTP ${status}`}`);
    await clock.sleep(PAUSE_MS, signal);
  }
}
