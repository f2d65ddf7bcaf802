/** The right of one job to reach a database for as long as it lasts. */
export interface RunnerPass {
  /** The runner's public IPv4 address. */
  address: string;
  /** Names the job among all others, without spaces: `17123.1.9f3a`, run, attempt and a random end. */
  holder: string;
  /** After this the job cannot be running any more, whatever became of it. */
  until: Date;
}

const MARK = 'heroku-to-digitalocean runner';
/** More would make a long description; so many jobs never run behind one address at once. */
const MOST_HOLDERS = 6;

/** What a rule of ours says of itself: `heroku-to-digitalocean runner 17123.1.9f3a@2026-11-23T17:05Z`. */
export function markOf(holders: readonly Omit<RunnerPass, 'address'>[]): string {
  const words = holders.slice(-MOST_HOLDERS).map(({ holder, until }) => `${holder}@${minutesOf(until)}`);
  return `${MARK} ${words.join(' ')}`;
}

/** The jobs that a rule is there for; `undefined` for a rule that is not ours. */
export function readMark(description: string | null | undefined): Omit<RunnerPass, 'address'>[] | undefined {
  if (description?.startsWith(`${MARK} `) !== true) return undefined;
  return description
    .slice(MARK.length + 1)
    .split(' ')
    .flatMap((word) => {
      const [holder = '', minutes = ''] = word.split('@');
      const until = new Date(minutes);
      // What cannot be read as a time is over: the rule is ours all the same.
      return holder === '' ? [] : [{ holder, until: Number.isNaN(until.getTime()) ? new Date(0) : until }];
    });
}

/** Whether that job is over for certain: its time is up, or this one is a later attempt of the same run. */
export function isOver(
  one: Omit<RunnerPass, 'address'>,
  present: Pick<RunnerPass, 'holder'>,
  now: Date,
): boolean {
  if (one.until.getTime() <= now.getTime()) return true;
  const [run, attempt] = runOf(one.holder);
  const [ownRun, ownAttempt] = runOf(present.holder);
  return run === ownRun && attempt < ownAttempt;
}

/** Whether that job belongs to this attempt of a run, or an earlier one. */
export function isOfRun(
  { holder }: Pick<RunnerPass, 'holder'>,
  { runId, runAttempt }: { runId: string; runAttempt: number },
): boolean {
  const [run, attempt] = runOf(holder);
  return run === runId && attempt <= runAttempt;
}

function runOf(holder: string): [run: string, attempt: number] {
  const [run = '', attempt = ''] = holder.split('.');
  return [run, Number(attempt)];
}

function minutesOf(date: Date): string {
  return `${date.toISOString().slice(0, 16)}Z`;
}
