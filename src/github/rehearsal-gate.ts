import { messageOf } from '../errors.ts';
import { LARGEST_RECORD, parseRecord, type MigrationRecord } from '../migration/record.ts';
import { judgeCopy, judgeFull, judgeShadow, type Judged } from '../migration/rehearsal-record.ts';
import type { RehearsedDecisions } from '../migration/rehearsed-decisions.ts';
import { formatDuration } from '../report/format.ts';
import type { GateApi, KeptArtifact, RunAnswer } from './gate-api.ts';
import { AbsentError, closed, createGateApi } from './gate-api.ts';
import type { GateEvidence, GateRun } from './gate.ts';
import { trustedSource } from './trusted-source.ts';
import { fileInZip } from './unzip.ts';

type Check = GateEvidence['checks'][number];

export interface RehearsalGateOptions {
  /** What is about to be cut over, and its record: the one that the approval is for. */
  environment: { name: string; migrationId: string };
  record: MigrationRecord;
  /** Where a cutover can be tried: the environments of migration.yml that nobody has to approve. */
  stagings: readonly { name: string; migrationId: string }[];
  decisions: RehearsedDecisions;
  maxAgeMs: number;
  /** What migration.yml does without; the plan that was approved says so. */
  waived: { full: boolean; shadow: boolean };
  run: GateRun;
  token: string | undefined;
  now: Date;
  signal: AbortSignal;
}

/** Records are looked at from the newest on; who has not found one among these has a record that means nothing. */
const MOST_RECORDS = 20;
/** The archive; what is in it has a limit of its own. */
const LARGEST_ARCHIVE = 8 * 1024 * 1024;
const REHEARSES = /(^|\/)\.github\/workflows\/rehearse-staging\.ya?ml(@.*)?$/;
const MIGRATES = /(^|\/)\.github\/workflows\/(migrate|rehearse-staging)\.ya?ml(@.*)?$/;

/** The name of the artifact in which a rehearsal on a throw-away target keeps its record. */
function shadowArtifact(environment: string): string {
  return `migration-record-${environment}-shadow`;
}

/**
 * Proves that the cutover of staging was tried with the same decisions, and that this environment's data was copied and
 * proven with them, both within `rehearsal-max-age`; or refuses. The run that is about to cut over counts, too: it moved
 * staging first, and copied production's data to the real target. Otherwise the records of earlier runs are looked up. Fails
 * closed: a record that cannot be read, or a newest rehearsal that failed, is a ConfigurationError with what mends it.
 */
export async function checkRehearsals(options: RehearsalGateOptions): Promise<Check[]> {
  const api = createGateApi({ ...options.run, token: options.token, signal: options.signal });
  return [await fullRehearsal(options, api), await shadowRehearsal(options, api)];
}

async function fullRehearsal(options: RehearsalGateOptions, api: GateApi): Promise<Check> {
  const what = 'full rehearsal';
  if (options.waived.full) return { what, found: 'waived by `rehearsal/full` in migration.yml' };
  if (options.stagings.length === 0) {
    throw closed(
      'migration.yml declares no environment in which a cutover can be tried before this one. Add `staging` to its environments, or say under ' +
        '`decisions` that this migration does without: `rehearsal/full: waived`',
    );
  }
  const remedy = `Let migrate.yml move ${options.stagings.map(({ name }) => name).join(' or ')}, or run rehearse-staging.yml with \`depth: full\`; then run this job again`;
  const reasons: string[] = [];
  for (const staging of options.stagings) {
    const found = await newestOf(options, api, {
      artifact: `migration-record-${staging.name}`,
      migrationId: staging.migrationId,
      judge: (record, workflows) =>
        judgeFull(record, {
          decisions: options.decisions,
          mustEnd: workflows.some((path) => REHEARSES.test(path)),
        }),
    });
    if ('check' in found) return { what, found: found.check };
    reasons.push(`${staging.name}: ${found.none}`);
  }
  throw closed(
    `no full rehearsal with the same decisions passed within ${formatDuration(options.maxAgeMs)} (\`rehearsal-max-age\`): ${reasons.join('; ')}. ${remedy}`,
  );
}

async function shadowRehearsal(options: RehearsalGateOptions, api: GateApi): Promise<Check> {
  const what = 'shadow of the data';
  const { environment, decisions, maxAgeMs, now, record } = options;
  if (options.waived.shadow) return { what, found: 'waived by `rehearsal/shadow` in migration.yml' };
  // Its plan's decisions were compared with migration.yml before.
  const own = judgeCopy(record);
  if (own.verdict === 'passed' && isRecent(own.at, options)) {
    return { what, found: `the copy that is to be cut over: ${own.found}, ${agoIn(own.at, now)}` };
  }
  const found = await newestOf(options, api, {
    artifact: shadowArtifact(environment.name),
    migrationId: `${environment.migrationId}-shadow`,
    judge: (kept) => judgeShadow(kept, { decisions }),
  });
  if ('check' in found) return { what, found: found.check };
  throw closed(
    `${environment.name}'s data was not copied and proven with the same decisions within ${formatDuration(maxAgeMs)} (\`rehearsal-max-age\`): ` +
      `the copy that is to be cut over ${describe(own, now)}; shadows: ${found.none}. ` +
      'Prepare again (migrate.yml), or run rehearse-staging.yml with `depth: shadow`; then run this job again',
  );
}

interface Wanted {
  artifact: string;
  migrationId: string;
  judge(record: MigrationRecord, workflows: readonly string[]): Judged;
}

/** The newest record that tells of such a rehearsal decides; those of other decisions, or of none, are passed over. */
async function newestOf(
  options: RehearsalGateOptions,
  api: GateApi,
  wanted: Wanted,
): Promise<{ check: string } | { none: string }> {
  const kept = (await api.artifactsNamed(wanted.artifact))
    .filter(({ created_at: at }) => isRecent(new Date(at), options))
    .sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at))
    .slice(0, MOST_RECORDS);
  const passedOver: string[] = [];
  for (const one of kept) {
    const looked = await lookAt(api, wanted, one);
    if ('ignored' in looked) {
      passedOver.push(looked.ignored);
      continue;
    }
    const { judged, where } = looked;
    if (judged.verdict === 'passed' && isRecent(judged.at, options))
      return { check: `${judged.found}, ${agoIn(judged.at, options.now)} (${where})` };
    return { none: `the newest (${where}) ${describe(judged, options.now)}` };
  }
  return {
    none:
      kept.length === 0
        ? `no run of that time kept the artifact ${wanted.artifact}`
        : [...new Set(passedOver)].slice(0, 3).join('; '),
  };
}

async function lookAt(
  api: GateApi,
  wanted: Wanted,
  artifact: KeptArtifact,
): Promise<{ ignored: string } | { judged: Judged; where: string }> {
  if (artifact.workflow_run == null) return { ignored: `artifact ${artifact.id} belongs to no run` };
  const from = await sourceOf(api, String(artifact.workflow_run.id));
  if ('ignored' in from) return from;
  const { run } = from;
  if (artifact.expired) return { ignored: `the record of ${run.html_url} has expired` };
  if (artifact.size_in_bytes > LARGEST_ARCHIVE)
    return { ignored: `${run.html_url} kept something that is no record` };
  const record = recordIn(await api.archive(artifact.id), wanted.artifact);
  // What claims to be the newest and cannot be read leaves doubt: an older one does not settle it.
  if ('unreadable' in record)
    throw closed(
      `the record that ${run.html_url} kept cannot be read (${record.unreadable}). Delete that artifact, or rehearse again`,
    );
  if (record.migrationId !== wanted.migrationId)
    return { ignored: `the record of ${run.html_url} is of ${record.migrationId}` };
  const judged = wanted.judge(record, workflowsOf(run));
  if (judged.verdict === 'nothing') return { ignored: `${run.html_url} rehearsed nothing` };
  if (judged.verdict === 'other') return { ignored: `${run.html_url} tried other decisions` };
  return { judged, where: run.html_url };
}

/** The run that kept it, when its record may be relied on. One whose branch is gone, or that is gone itself, may not. */
async function sourceOf(api: GateApi, runId: string): Promise<{ run: RunAnswer } | { ignored: string }> {
  try {
    const run = await api.run(runId);
    const source = await trustedSource(api, run, MIGRATES);
    return 'doubt' in source ? { ignored: `${run.html_url} ${source.doubt}` } : { run };
  } catch (error) {
    if (error instanceof AbsentError) return { ignored: `run ${runId} or its branch is gone` };
    throw error;
  }
}

function workflowsOf(run: RunAnswer): string[] {
  return [run.path, ...(run.referenced_workflows ?? []).map(({ path }) => path)];
}

function recordIn(archive: Buffer, name: string): MigrationRecord | { unreadable: string } {
  try {
    const text = fileInZip(archive, 'migration-record.json', LARGEST_RECORD);
    if (text === undefined) return { unreadable: 'it holds no migration-record.json' };
    return parseRecord(text.toString(), name);
  } catch (error) {
    return { unreadable: messageOf(error) };
  }
}

/** A time that is yet to come is nobody's. A minute is what clocks may differ by. */
function isRecent(at: Date, { maxAgeMs, now }: Pick<RehearsalGateOptions, 'maxAgeMs' | 'now'>): boolean {
  const age = now.getTime() - at.getTime();
  return age <= maxAgeMs && age >= -60_000;
}

function describe(judged: Judged, now: Date): string {
  switch (judged.verdict) {
    case 'passed':
      return `is too old (${agoIn(judged.at, now)})`;
    case 'failed':
      return `did not pass: ${judged.why}, ${agoIn(judged.at, now)}`;
    case 'other':
      return 'is of other decisions';
    case 'nothing':
      return 'is not in the record';
  }
}

function agoIn(at: Date, now: Date): string {
  return `${formatDuration(Math.max(0, now.getTime() - at.getTime()))} ago`;
}
