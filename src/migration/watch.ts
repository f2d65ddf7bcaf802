import type { PostgresAddress } from '../postgres/connect.ts';
import type { StepStatus } from './journal.ts';
import { openSession } from './journal-session.ts';

/** The newest attempt at a step that is not undone. */
export interface StandingStep {
  name: string;
  status: StepStatus;
  pointOfNoReturn: boolean;
}

/** What the journal says at one moment about who acts on a migration, and how far its cutover and its way back are. */
export interface Sight {
  /** Who acted last; `null` when nobody ever did. */
  holder: { runId: string; runAttempt: number; runUrl: string } | null;
  /** `held`: it is renewed. `expired`: its holder fell silent without giving it back. `free`: it was given back. */
  lease: 'held' | 'expired' | 'free';
  /** Whoever acted last cut over: earlier phases of the same run hold the lease, too. */
  cutsOver: boolean;
  /** Milliseconds since the lease was last renewed or taken, by the database's clock. */
  silentMs: number;
  /** Of the cutover, in the order in which they began. */
  steps: StandingStep[];
  /** Of a roll-back that has begun and is not over. */
  back: StandingStep[];
  /** The guard that signed last, and how long ago; `null`: none ever did. */
  guard: (PresentRun & { silentMs: number }) | null;
  /** A cutover that waits for its window, and for how long yet; negative: it has opened. `null`: none ever did. */
  waiting: (PresentRun & { leftMs: number }) | null;
}

export interface PresentRun {
  runId: string;
  runAttempt: number;
}

export interface Watch {
  /** One look. Rejects at once when the journal does not answer: a watch asks again soon in any case. */
  look(): Promise<Sight>;
  /** Tells others who look that this run is there: as a guard, or waiting until a time before it acts. */
  sign(run: PresentRun, as: 'guard' | { waitingUntil: Date }): Promise<void>;
  close(): Promise<void>;
}

interface StoredSight {
  run_id: string | null;
  run_attempt: number | null;
  run_url: string | null;
  lease: Sight['lease'];
  cuts_over: boolean;
  silent_ms: string;
  steps: StandingStep[];
  back: StandingStep[];
  guard: Sight['guard'];
  waiting: Sight['waiting'];
}

const STANDING = (phase: string): string => `
         coalesce((
           select jsonb_agg(jsonb_build_object('name', name, 'status', status, 'pointOfNoReturn', point_of_no_return)
                            order by begun_at)
             from (select distinct on (name) name, status, point_of_no_return, begun_at
                     from journal.step
                    where migration_id = $1 and phase = '${phase}'
                    order by name, attempt desc) newest
            where status <> 'undone'), '[]')`;

const LOOK = `
  select lease.run_id, lease.run_attempt, lease.run_url,
         case when lease.token is null then 'free'
              when lease.expires_at > clock_timestamp() then 'held'
              else 'expired' end as lease,
         exists (select 1 from journal.step
                  where migration_id = $1 and phase = 'cutover' and epoch = lease.epoch) as cuts_over,
         coalesce(extract(epoch from clock_timestamp() - lease.renewed_at) * 1000, 0)::bigint as silent_ms,
${STANDING('cutover')} as steps,
${STANDING('roll-back')} as back,
         (select jsonb_build_object('runId', run_id, 'runAttempt', run_attempt,
                   'silentMs', (extract(epoch from clock_timestamp() - seen_at) * 1000)::bigint)
            from journal.presence where migration_id = $1 and role = 'guard') as guard,
         (select jsonb_build_object('runId', run_id, 'runAttempt', run_attempt,
                   'leftMs', (extract(epoch from until - clock_timestamp()) * 1000)::bigint)
            from journal.presence where migration_id = $1 and role = 'waiting') as waiting
    from (select 1) one left join journal.lease lease on lease.migration_id = $1`;

const SIGN = `
  insert into journal.presence (migration_id, role, run_id, run_attempt, seen_at, until)
  values ($1, $2, $3, $4, clock_timestamp(), $5)
      on conflict (migration_id, role) do update
         set run_id = excluded.run_id, run_attempt = excluded.run_attempt, seen_at = excluded.seen_at, until = excluded.until`;

/** Watches a migration, and changes nothing of it. The journal is there. Rejects when the journal cannot be reached now. */
export async function openWatch(address: PostgresAddress, migrationId: string): Promise<Watch> {
  const session = await openSession(address, {
    applicationName: `h2d ${migrationId} guard`,
    patienceMs: 0,
    statementTimeoutMs: 10_000,
  });
  return {
    async look() {
      const [row] = await session.transaction((query) => query<StoredSight>(LOOK, [migrationId]));
      if (row === undefined) throw new Error('The journal did not say who acts.');
      const { run_id, run_attempt, run_url, lease, cuts_over, silent_ms, steps, back, guard, waiting } = row;
      return {
        holder:
          run_id === null ? null : { runId: run_id, runAttempt: run_attempt ?? 1, runUrl: run_url ?? '' },
        lease,
        cutsOver: cuts_over,
        silentMs: Number(silent_ms),
        steps,
        back,
        guard,
        waiting,
      };
    },
    async sign({ runId, runAttempt }, as) {
      const [role, until] = as === 'guard' ? ['guard', null] : ['waiting', as.waitingUntil];
      await session.transaction((query) => query(SIGN, [migrationId, role, runId, runAttempt, until]));
    },
    close: () => session.close(),
  };
}
