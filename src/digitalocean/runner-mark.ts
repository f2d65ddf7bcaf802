/**
 * What a job comes to the new databases for. A move (`cutover`, `roll-back`) keeps the lists of who is let in as they are
 * until it has ended, a `guard` watches one; every other job is a visit, which stands back before a move.
 */
export type Errand = 'cutover' | 'roll-back' | 'guard' | 'visit';

/** The right of one job to reach a database for as long as it lasts. */
export interface RunnerPass {
  /** The runner's public IPv4 address. */
  address: string;
  /** Names the job among all others, without spaces: `17123.1.9f3a`, run, attempt and a random end; `….cutover` for a move. */
  holder: string;
  /** After this the job cannot be running any more, whatever became of it. */
  until: Date;
}

/** A holder of a rule, as it is read back. */
export type Holder = Omit<RunnerPass, 'address'>;

const MARK = 'heroku-to-digitalocean runner';
/** Begins the description of the rule for the private network, which is ours as well. */
export const NETWORK_MARK = 'heroku-to-digitalocean private network';
/** More would make a long description; so many jobs never run behind one address at once. */
const MOST_HOLDERS = 6;

/** What a rule of ours says of itself: `heroku-to-digitalocean runner 17123.1.9f3a@2026-11-23T17:05Z`. */
export function markOf(holders: readonly Holder[]): string {
  return [MARK, ...wordsOf(holders)].join(' ');
}

/** What the rule of the private network says: it bears the marks of moves whose own address the user trusts already. */
export function networkMarkOf(holders: readonly Holder[]): string {
  return [NETWORK_MARK, ...wordsOf(holders)].join(' ');
}

/** Of the rule of the private network; `undefined` for every other rule. */
export function readNetworkMark(description: string | null | undefined): Holder[] | undefined {
  if (description === NETWORK_MARK) return [];
  return holdersAfter(NETWORK_MARK, description);
}

/** The jobs that a rule is there for; `undefined` for a rule that is not ours. */
export function readMark(description: string | null | undefined): Holder[] | undefined {
  return holdersAfter(MARK, description);
}

/** The run that a job belongs to. */
export function runIdOf({ holder }: Pick<RunnerPass, 'holder'>): string {
  return runOf(holder)[0];
}

export function errandOf({ holder }: Pick<RunnerPass, 'holder'>): Errand {
  const errand = holder.split('.')[3];
  return errand === 'cutover' || errand === 'roll-back' || errand === 'guard' ? errand : 'visit';
}

function wordsOf(holders: readonly Holder[]): string[] {
  return holders.slice(-MOST_HOLDERS).map(({ holder, until }) => `${holder}@${minutesOf(until)}`);
}

function holdersAfter(mark: string, description: string | null | undefined): Holder[] | undefined {
  if (description?.startsWith(`${mark} `) !== true) return undefined;
  return description
    .slice(mark.length + 1)
    .split(' ')
    .flatMap((word) => {
      const [holder = '', minutes = ''] = word.split('@');
      const until = new Date(minutes);
      // What cannot be read as a time is over: the rule is ours all the same.
      return holder === '' ? [] : [{ holder, until: Number.isNaN(until.getTime()) ? new Date(0) : until }];
    });
}

/** Whether that job is over for certain: its time is up, or this one is a later attempt of the same run. */
export function isOver(one: Holder, present: Pick<RunnerPass, 'holder'>, now: Date): boolean {
  if (one.until.getTime() <= now.getTime()) return true;
  const [run, attempt] = runOf(one.holder);
  const [ownRun, ownAttempt] = runOf(present.holder);
  return run === ownRun && attempt < ownAttempt;
}

function runOf(holder: string): [run: string, attempt: number] {
  const [run = '', attempt = ''] = holder.split('.');
  return [run, Number(attempt)];
}

function minutesOf(date: Date): string {
  return `${date.toISOString().slice(0, 16)}Z`;
}
