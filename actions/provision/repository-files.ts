import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';

import { ConfigurationError, messageOf } from '../../src/errors.ts';
import { proposeFiles, type LeftOut, type ProposalResult } from '../../src/github/pull-request.ts';
import { createRepositoryClient } from '../../src/github/repository-client.ts';
import type { Edge } from '../../src/github/run.ts';
import { targetNames } from '../../src/migration/names.ts';
import { planSchema, type Plan } from '../../src/migration/plan.ts';
import { latestSection } from '../../src/migration/record.ts';
import { heading, table } from '../../src/report/summary.ts';
import { readBuildFacts } from '../../src/repository-files/build-facts.ts';
import { repositoryFiles, type RepositoryFiles } from '../../src/repository-files/repository-files.ts';
import type { RepositoryFacts } from '../../src/repository/read-repository.ts';
import { readCheckout } from '../assess/checkout.ts';
import { herokuOf } from '../parties.ts';
import { readSubject } from '../subject.ts';
import type { Provisioning } from './provision.ts';
import { filesBody, OUTCOMES } from './repository-files-text.ts';
import type { ProvisionReport } from './summary.ts';

/** What a proposal is made from: the plan, whether or not it can be made real yet. */
type Proposing = Pick<Provisioning, 'edge' | 'subject' | 'names' | 'dryRun'> & { plan: Plan };

/** One name for every environment: they share the repository, and so the pull request. */
const BRANCH = 'heroku-to-digitalocean-files';

/**
 * Proposes what the application's repository needs, as one pull request, and keeps the same files in a directory for an
 * artifact. Whatever goes wrong here is told and fails nothing: the new side can be made without it.
 */
export async function proposeRepositoryFiles(p: Provisioning): Promise<ProvisionReport['notes']> {
  const { edge } = p;
  if (!edge.inputs.boolean('propose-files')) return [];
  try {
    return await edge.log.group('Files for the repository', async () => {
      const checkout = await readCheckout(edge);
      if ('facts' in checkout) return propose(p, checkout.facts);
      edge.log.info(`No files are proposed: ${checkout.notRead}.`);
      return note([['Files', 'not proposed', checkout.notRead]]);
    });
  } catch (error) {
    edge.signal.throwIfAborted();
    // Most jobs may only read, and whoever wants no pull request gives no permission.
    const level = error instanceof ConfigurationError ? 'notice' : 'warning';
    edge.annotate(level, 'Files were not proposed', messageOf(error));
    return note([['Pull request', 'not opened', messageOf(error)]]);
  }
}

/**
 * `command: propose-files`: the proposal alone, for a job that may write to the repository and makes nothing else. Here
 * whatever goes wrong fails the run.
 */
export async function proposeFilesAlone(edge: Edge): Promise<void> {
  const subject = await readSubject(edge);
  const assessed = latestSection(subject.record, 'assess', z.object({ plan: planSchema }));
  if (assessed === undefined) {
    throw new ConfigurationError(
      `The record ${subject.recordPath} holds no plan: run assess first and pass its record on. Nothing was proposed.`,
    );
  }
  const checkout = await readCheckout(edge);
  if ('notRead' in checkout) {
    throw new ConfigurationError(
      `No files are proposed: ${checkout.notRead}. Check the application's repository out before this step (actions/checkout).`,
    );
  }
  const { migrationId } = subject.environment;
  const names = targetNames(migrationId, subject.config.application);
  const dryRun = edge.inputs.boolean('dry-run');
  const notes = await propose({ edge, subject, plan: assessed.plan, names, dryRun }, checkout.facts);
  edge.setOutput('record', subject.recordPath);
  edge.setOutput('outcome', dryRun ? 'planned' : 'proposed');
  edge.setOutput('changed', false);
  const rows = notes.flatMap((one) => one.rows);
  await edge.summary(
    [
      heading('Files for the repository'),
      table(
        ['File', 'State', 'Why'],
        rows.map((row) => [row[0] ?? '', row[1] ?? '', row[2] ?? '']),
      ),
    ].join('\n\n'),
  );
}

async function propose(p: Proposing, facts: RepositoryFacts): Promise<ProvisionReport['notes']> {
  const { edge } = p;
  const root = edge.inputs.optional('repository-path') ?? edge.environment.workspace;
  const made = repositoryFiles({
    plan: p.plan,
    appName: p.names.app,
    environment: p.subject.environment.name,
    specPath: specPath(p),
    healthPath: p.subject.config.checks.find(({ status }) => status === 200)?.path,
    source: p.subject.config.image,
    facts,
    build: readBuildFacts(join(root, facts.directory ?? '')),
    buildpacks: await buildpacksOf(p),
  });
  refuseSecretsIn(p, made);
  edge.setOutput('files', await keep(p, made));
  const rows = made.files.map(({ path, why }) => [path, 'proposed', why]);
  if (p.dryRun) return note(rows);

  const result = await openPullRequest(p, made);
  edge.setOutput('pull-request', result.url ?? '');
  tell(p, result);
  const left = result.untouched.map(({ path, why }) => [path, 'left as it is', why]);
  const untouched = new Set(result.untouched.map(({ path }) => path));
  return note([
    ['Pull request', OUTCOMES[result.outcome], result.url ?? ''],
    ...rows.filter(([path]) => !untouched.has(path ?? '')),
    ...left,
    ...made.told.map((line) => ['', 'not proposed', line]),
  ]);
}

async function openPullRequest(p: Proposing, made: RepositoryFiles): Promise<ProposalResult> {
  const { edge, plan } = p;
  const token = edge.inputs.secret('github-token');
  const { repository, apiUrl, serverUrl, runUrl } = edge.environment;
  const { clock, signal } = edge;
  const client = createRepositoryClient({ repository, apiUrl, token, clock, signal });
  return proposeFiles(
    { ...client, pageUrl: `${serverUrl}/${repository}` },
    {
      branch: BRANCH,
      title: `What ${plan.application} needs to run on App Platform`,
      body: (left: LeftOut) => edge.redact(filesBody({ made, left, runUrl })),
      files: made.files.map(({ path, content }) => ({ path, content })),
    },
  );
}

/** The one that people look for is production's. */
function specPath({ subject: { config, environment } }: Proposing): string {
  const only = Object.keys(config.environments).length === 1;
  return only || environment.name === 'production' ? '.do/app.yaml' : `.do/app-${environment.name}.yaml`;
}

const buildpackSchema = z.object({
  buildpack: z.object({ name: z.string(), url: z.string().default('') }),
});

async function buildpacksOf({ edge, plan }: Proposing): Promise<string[]> {
  const path = `/apps/${encodeURIComponent(plan.herokuApp)}/buildpack-installations`;
  const found = await herokuOf(edge).list(path, buildpackSchema);
  // An address of somebody's own may hold a password.
  return found.map(({ buildpack: { name, url } }) =>
    name !== '' ? name.replace(/\/\/[^/@]*@/, '//') : url.replace(/\/\/[^/@]*@/, '//'),
  );
}

/** The files go to git: the last line of defence. */
function refuseSecretsIn({ edge }: Proposing, { files }: RepositoryFiles): void {
  for (const { path, content } of files) {
    if (edge.redact(content) !== content)
      throw new Error(
        `${path} would hold a secret, so nothing was proposed. This is a bug: please report it.`,
      );
  }
}

/** Writes the files for an artifact; gives their directory. */
async function keep({ edge }: Proposing, { files }: RepositoryFiles): Promise<string> {
  const directory = join(edge.environment.temporaryDirectory, 'heroku-to-digitalocean-files');
  await rm(directory, { recursive: true, force: true });
  for (const { path, content } of files) {
    const place = join(directory, path);
    await mkdir(dirname(place), { recursive: true });
    await writeFile(place, content);
  }
  return directory;
}

function tell({ edge }: Proposing, { outcome, url, untouched }: ProposalResult): void {
  edge.log.info(`Pull request: ${OUTCOMES[outcome]}${url === undefined ? '' : `, ${url}`}`);
  for (const { path, why } of untouched) edge.log.info(`${path} is left as it is: ${why}.`);
  if (outcome === 'not-opened')
    edge.annotate(
      'warning',
      'The pull request was not opened',
      `${OUTCOMES[outcome]}: open it at ${url ?? ''}.`,
    );
}

function note(rows: string[][]): ProvisionReport['notes'] {
  return [{ title: 'Files for the repository', rows }];
}
