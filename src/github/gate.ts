import type { Approval, GateApi } from './gate-api.ts';
import { closed, createGateApi } from './gate-api.ts';
import { isGuarded, trustedSource } from './trusted-source.ts';

export type GateMode = 'environment' | 'second-dispatch' | 'none';

/** What the gate asked and what it was answered, for the record. */
export interface GateEvidence {
  mode: GateMode;
  approvedBy: string | null;
  checks: { what: string; found: string }[];
}

/** `Edge.environment` is one. */
export interface GateRun {
  repository: string;
  runId: string;
  actor: string;
  triggeringActor: string;
  apiUrl: string;
}

export interface GateOptions {
  mode: GateMode;
  /** The reviewed GitHub environment, `production`. */
  environment: string;
  /** From migration.yml: a protected environment cannot go without a gate. */
  protected: boolean;
  /** The plan's digest as the record holds it. */
  recordedDigest: string;
  /** What was approved (input plan-digest). */
  enteredDigest: string | undefined;
  /** second-dispatch: the run that prepared, and whose record this is. */
  prepareRunId: string | undefined;
  run: GateRun;
  token: string | undefined;
  signal: AbortSignal;
}

/**
 * Proves that a second person agreed to this very plan, or refuses. Fails closed: whatever cannot be read, or leaves
 * doubt, is a ConfigurationError that names the setting to change. Changes nothing.
 */
export async function checkGate(options: GateOptions): Promise<GateEvidence> {
  if (options.mode === 'none') return withoutGate(options);
  const digest = sameDigest(options);
  const api = createGateApi({ ...options.run, token: options.token, signal: options.signal });
  return options.mode === 'environment'
    ? await environmentGate(options, api, digest)
    : await secondDispatchGate(options, api, digest);
}

type Check = GateEvidence['checks'][number];

function withoutGate({ protected: isProtected, environment }: GateOptions): GateEvidence {
  if (isProtected) {
    throw closed(
      `"${environment}" is protected in migration.yml, so the input gate cannot be "none": set it to environment or second-dispatch`,
    );
  }
  return { mode: 'none', approvedBy: null, checks: [{ what: 'protected in migration.yml', found: 'no' }] };
}

function sameDigest({ mode, enteredDigest, recordedDigest }: GateOptions): Check {
  if (enteredDigest === undefined) {
    throw closed(
      mode === 'environment'
        ? 'the input plan-digest is empty: pass the output plan-digest of the phase that prepared'
        : 'the input plan-digest is empty: enter the digest that the summary of the prepare run shows',
    );
  }
  if (enteredDigest.trim() !== recordedDigest) {
    throw closed(
      `the approval is for the plan ${enteredDigest.trim()}, and the record holds ${recordedDigest}: the plan changed since, or the digest is of another run. Read the present plan and approve that`,
    );
  }
  return { what: 'digest of the approved plan', found: recordedDigest };
}

async function environmentGate(options: GateOptions, api: GateApi, digest: Check): Promise<GateEvidence> {
  const { environment, run } = options;
  const protection = await protectionOf(api, environment, run.runId);
  const { starters, attempt } = await thisRun(api, run);
  refuseDoubtfulAttempt(attempt, protection, environment);
  const approval = (await api.approvals(run.runId)).find((candidate) =>
    counts(candidate, environment, starters),
  );
  if (!approval?.user) {
    throw closed(
      `no one other than ${starters.join(' and ')}, who started it, has approved this run for "${environment}". ` +
        `The job must name \`environment: ${environment}\`, and a reviewer other than who started the run must approve it`,
    );
  }
  return {
    mode: 'environment',
    approvedBy: approval.user.login,
    checks: [
      digest,
      ...protection.checks,
      { what: 'started by', found: starters.join(', ') },
      { what: 'approved by', found: approval.user.login },
      { what: 'comment of the approval', found: approval.comment ?? '' },
    ],
  };
}

/** A missing environment would have been made without protection by the very run that names it: so it is looked at. */
async function protectionOf(
  api: GateApi,
  name: string,
  runId: string,
): Promise<{ checks: Check[]; mayBeBypassed: boolean }> {
  const environment = await api.environment(name);
  const where = `Settings → Environments → ${name}`;
  const rule = environment.protection_rules.find(({ type }) => type === 'required_reviewers');
  const reviewers = rule?.reviewers?.length ?? 0;
  if (!rule || reviewers === 0) {
    throw closed(
      `the environment "${name}" has no required reviewers: add at least one under ${where} → Required reviewers. ` +
        'Where the repository’s plan has no such setting (private, not Enterprise), use the second dispatch: input gate: second-dispatch',
    );
  }
  if (rule.prevent_self_review !== true) {
    throw closed(
      `who starts a run may approve it: tick "Prevent self-review" under ${where} → Required reviewers`,
    );
  }
  const mayBeBypassed = environment.can_admins_bypass !== false;
  return {
    mayBeBypassed,
    checks: [
      { what: 'required reviewers', found: String(reviewers) },
      { what: 'self-review', found: 'prevented' },
      { what: 'deployment branches', found: await branchesOf(api, environment, where, runId) },
      // Not refused in a first attempt: whoever bypasses leaves no approval.
      { what: 'administrators may bypass', found: mayBeBypassed ? 'yes' : 'no' },
    ],
  };
}

/**
 * GitHub asks for an approval in every attempt, and its answer tells not of which attempt one was. As long as nobody can
 * pass without one, an approval that is there was given for this attempt, too; where administrators may, it need not be.
 */
function refuseDoubtfulAttempt(
  attempt: number,
  { mayBeBypassed }: { mayBeBypassed: boolean },
  name: string,
): void {
  if (attempt === 1 || !mayBeBypassed) return;
  throw closed(
    `this is attempt ${attempt} of the run, and the approval may be of an earlier one, since administrators may bypass it. ` +
      `Untick "Allow administrators to bypass configured protection rules" under Settings → Environments → ${name} and run the job again, or start a new run`,
  );
}

async function branchesOf(
  api: GateApi,
  environment: Awaited<ReturnType<GateApi['environment']>>,
  where: string,
  runId: string,
): Promise<string> {
  const policy = environment.deployment_branch_policy;
  const advice = `choose "Protected branches only", or name the branch, under ${where} → Deployment branches and tags`;
  if (!policy) throw closed(`any branch may deploy to "${environment.name}": ${advice}`);
  if (policy.protected_branches) return 'protected branches only';
  const patterns = await api.branchPolicies(environment.name);
  const open = patterns.find((pattern) => /^[*?/]+$/.test(pattern));
  if (patterns.length === 0 || open !== undefined) {
    throw closed(
      `the deployment branches of "${environment.name}" (${open ?? 'none'}) limit nothing: ${advice}`,
    );
  }
  const named = patterns.join(', ');
  const { head_branch: branch } = await api.run(runId);
  const { default_branch: defaultBranch } = await api.repository();
  if (branch === null || !(await isGuarded(api, branch, defaultBranch))) {
    throw closed(
      `"${environment.name}" lets ${named} deploy, and nothing protects ${branch ?? 'what this run is of'}: whoever may push there decides what runs. Protect the branch under Settings → Branches, or ${advice}`,
    );
  }
  return `${named}; this run is of ${branch}`;
}

async function secondDispatchGate(options: GateOptions, api: GateApi, digest: Check): Promise<GateEvidence> {
  const { prepareRunId, run, environment } = options;
  if (prepareRunId === undefined || !/^\d+$/.test(prepareRunId)) {
    throw closed(
      'the input prepare-run-id must be the number of the run that prepared (it stands in its address)',
    );
  }
  if (prepareRunId === run.runId)
    throw closed('the run that prepared and this one are the same: dispatch a second one');
  const prepared = await api.run(prepareRunId);
  if (prepared.status !== 'completed' || prepared.conclusion !== 'success') {
    throw closed(
      `the run that prepared (${prepared.html_url}) is ${prepared.conclusion ?? prepared.status ?? 'unknown'}, not a success: let it succeed, then enter its digest`,
    );
  }
  const source = await trustedSource(api, prepared, PREPARES);
  if ('doubt' in source) {
    const { doubt, other } = source;
    throw closed(`${prepared.html_url} ${doubt}${other ? ': enter the id of the run that prepared' : ''}`);
  }
  const artifactName = `migration-record-${environment}`;
  const artifact = (await api.artifacts(prepareRunId, artifactName)).find(({ expired }) => !expired);
  if (!artifact) {
    throw closed(
      `${prepared.html_url} holds no artifact ${artifactName} that has not expired: prepare again`,
    );
  }
  const { starters } = await thisRun(api, run);
  const preparers = unique([prepared.actor.login, prepared.triggering_actor.login]);
  const both = starters.find((starter) => preparers.some((preparer) => sameUser(preparer, starter)));
  if (both !== undefined) {
    throw closed(
      `${both} started the run that prepared and this one: a second person must dispatch the cutover`,
    );
  }
  return {
    mode: 'second-dispatch',
    approvedBy: starters[0] ?? null,
    checks: [
      digest,
      { what: 'prepared by', found: preparers.join(', ') },
      {
        what: 'prepared in',
        found: `${prepared.html_url} (${prepared.path} on ${source.branch})`,
      },
      { what: 'record', found: `artifact ${artifact.id}` },
      { what: 'dispatched by', found: starters.join(', ') },
    ],
  };
}

/** Who made the run and who started this attempt, as GitHub says and as the runner says. */
async function thisRun(api: GateApi, run: GateRun): Promise<{ starters: string[]; attempt: number }> {
  const told = await api.run(run.runId);
  const starters = unique([run.actor, run.triggeringActor, told.actor.login, told.triggering_actor.login]);
  return { starters, attempt: told.run_attempt };
}

const PREPARES = /(^|\/)\.github\/workflows\/(migrate|prepare)\.ya?ml(@.*)?$/;

/** The answer tells neither time nor attempt: an approval by who started a later attempt is not one by another. */
function counts(approval: Approval, environment: string, starters: readonly string[]): boolean {
  const by = approval.user?.login;
  if (approval.state !== 'approved' || by === undefined) return false;
  if (!approval.environments.some(({ name }) => name.toLowerCase() === environment.toLowerCase()))
    return false;
  return !starters.some((starter) => sameUser(starter, by));
}

function sameUser(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function unique(logins: readonly string[]): string[] {
  return logins.filter(
    (login, index) => login !== '' && logins.findIndex((other) => sameUser(login, other)) === index,
  );
}
