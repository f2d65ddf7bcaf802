import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { ConfigurationError } from '../../src/errors.ts';
import { proposeFiles, type LeftOut, type ProposalResult } from '../../src/github/pull-request.ts';
import { createRepositoryClient } from '../../src/github/repository-client.ts';
import type { Edge } from '../../src/github/run.ts';
import type { Assessment } from './assessment.ts';
import { initBody, initSummary, PULLS_SETTING } from './init-text.ts';
import { proposalOf, type Proposal } from './proposal.ts';
import { suiteReference } from './suite-reference.ts';

/**
 * Proposes migration.yml and the calling workflows from what was found, as one pull request with the open questions on
 * their lines. The files also lie in a directory, for what the token may not write. The default branch is not touched.
 *
 * @throws ConfigurationError when the token may not write, or jobs may not open pull requests (the branch is there then)
 */
export async function init(edge: Edge, assessments: readonly Assessment[]): Promise<void> {
  const token = edge.inputs.secret('github-token');
  const config = relativePath(edge.inputs.required('config'));
  const suite = await suiteReference(edge, token);
  const proposal = withoutSecrets(
    edge,
    proposalOf(assessments, { config, suite, redact: (text) => edge.redact(text) }),
  );
  edge.setOutput('proposal', await keep(edge, proposal));

  const { repository, apiUrl, serverUrl, runUrl } = edge.environment;
  const { clock, signal } = edge;
  const client = createRepositoryClient({ repository, apiUrl, token, clock, signal });
  const body = (left: LeftOut): string => edge.redact(initBody({ proposal, left, assessments, runUrl }));
  const result = await edge.log.group('Pull request', () =>
    proposeFiles(
      { ...client, pageUrl: `${serverUrl}/${repository}` },
      { ...proposal, title: `Move ${proposal.application} to DigitalOcean`, body },
    ),
  );
  edge.setOutput('pull-request', result.url ?? '');
  tell(edge, result);
  await edge.summary(initSummary({ proposal, result }));
  if (result.outcome === 'not-opened') {
    throw new ConfigurationError(
      `The branch ${proposal.branch} holds the proposal, and GitHub does not let jobs of this repository open the pull request. ` +
        `Open it at ${result.url ?? ''}, or ${PULLS_SETTING} and run this again.`,
    );
  }
}

/** The path goes into the repository and into a directory of ours. */
function relativePath(path: string): string {
  const parts = path.replace(/^(\.\/)+/, '').split('/');
  if (!/^\//.test(path) && parts.every((part) => /^[\w.-]+$/.test(part) && part !== '..' && part !== '.')) {
    return parts.join('/');
  }
  throw new ConfigurationError(
    'For `init` the input config must be a path inside the repository of letters, digits, dots and hyphens, such as migration.yml.',
  );
}

/** The files go to git and the questions to everybody who can read: the last line of defence. */
function withoutSecrets(edge: Edge, proposal: Proposal): Proposal {
  for (const { path, content } of proposal.files) {
    if (edge.redact(content) !== content) {
      throw new Error(`${path} would hold a secret; nothing was proposed. This is a bug: please report it.`);
    }
  }
  return {
    ...proposal,
    comments: proposal.comments.map((comment) => ({ ...comment, body: edge.redact(comment.body) })),
  };
}

/** Writes the files for an artifact; gives their directory. */
async function keep(edge: Edge, { files }: Proposal): Promise<string> {
  const directory = join(edge.environment.temporaryDirectory, 'heroku-to-digitalocean-init');
  await mkdir(directory, { recursive: true });
  for (const { path, content } of files) {
    const place = join(directory, path);
    await mkdir(dirname(place), { recursive: true });
    await writeFile(place, content);
  }
  return directory;
}

function tell(edge: Edge, { outcome, url, untouched, refused, unplaced }: ProposalResult): void {
  edge.log.info(`Pull request: ${outcome}${url === undefined ? '' : `, ${url}`}`);
  for (const { path, why } of untouched) edge.log.info(`${path} is left as it is: ${why}.`);
  if (unplaced.length > 0) edge.log.info(`${unplaced.length} questions stand in its text, not on a line.`);
  if (refused.length > 0) {
    edge.annotate(
      'warning',
      'Workflows were not written',
      `The token may not write ${refused.join(', ')}: a job's own token never may. Their text stands in the pull request and in the directory of the output proposal; or give github-token a token with the permission workflows.`,
    );
  }
}
