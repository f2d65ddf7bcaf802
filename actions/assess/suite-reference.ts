import { z } from 'zod';

import { messageOf } from '../../src/errors.ts';
import { createRepositoryClient } from '../../src/github/repository-client.ts';
import type { Edge } from '../../src/github/run.ts';
import type { SuiteReference } from './caller-workflows.ts';

const REPOSITORY = /^[\w.-]+\/[\w.-]+$/;
const REF = /^[\w./-]+$/;
const COMMIT = /^[0-9a-f]{40}$/;

/**
 * What the calling workflows name: the repository of the action that runs, at the commit of its ref. Undefined when the
 * action lies in the workspace, where GitHub does not say where it came from. A ref whose commit cannot be read stays
 * what it is.
 */
export async function suiteReference(edge: Edge, token: string): Promise<SuiteReference | undefined> {
  const { actionRepository: repository, actionRef: ref, apiUrl } = edge.environment;
  if (!REPOSITORY.test(repository) || !REF.test(ref)) return undefined;
  if (COMMIT.test(ref)) return { repository, ref, version: undefined };
  const { clock, signal } = edge;
  try {
    const client = createRepositoryClient({ repository, apiUrl, token, clock, signal });
    const answer = z.object({ sha: z.string().regex(COMMIT) });
    const { sha } = await client.ask(`the commit of ${ref}`, 'GET /commits/{ref}', { ref }, answer);
    return { repository, ref: sha, version: ref };
  } catch (error) {
    signal.throwIfAborted();
    edge.log.warning(`Which commit ${repository}@${ref} is could not be read: ${messageOf(error)}`);
    return { repository, ref, version: undefined };
  }
}
