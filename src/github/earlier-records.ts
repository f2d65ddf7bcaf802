import { getOctokit } from '@actions/github';
import { z } from 'zod';

import { messageOf } from '../errors.ts';
import { LARGEST_RECORD, parseRecord, type MigrationRecord } from '../migration/record.ts';
import { fileInZip } from './unzip.ts';

export interface EarlierRecordsOptions {
  /** `owner/name`. */
  repository: string;
  apiUrl: string;
  token: string;
  /** Of the migration that is meant: records of others are left out. */
  migrationId: string;
  environment: string;
  /** Under which they are kept; the environment's own unless given. */
  artifact?: string;
  /** How far to look back; two weeks unless given. */
  days?: number;
  /** How many to read, the newest; 200 unless given. */
  most?: number;
  now: Date;
  signal: AbortSignal;
}

export interface EarlierRecords {
  /** In no order, each with its chain proved. */
  records: MigrationRecord[];
  /** What was not looked at, and what would let it be; null when everything was. */
  note: string | null;
}

const DAYS = 14;
const MOST_RECORDS = 200;
const PAGE = 100;
const AT_ONCE = 8;
const PATIENCE_MS = 45_000;
/** Requests an hour that are left to the other jobs of the repository: together they have 1,000. */
const LEFT_TO_OTHERS = 300;
/** The archive; what is in it has a limit of its own. */
const LARGEST_ARCHIVE = 8 * 1024 * 1024;

const artifactsAnswer = z.object({
  artifacts: z.array(
    z.object({
      id: z.number(),
      name: z.string(),
      expired: z.boolean(),
      size_in_bytes: z.number(),
      created_at: z.string(),
      workflow_run: z
        .object({ repository_id: z.number().optional(), head_repository_id: z.number().nullish() })
        .nullish(),
    }),
  ),
});
type Artifact = z.infer<typeof artifactsAnswer>['artifacts'][number];

/**
 * The records that earlier runs of this repository kept for the same environment: of the last weeks, 200 at most, read
 * side by side and within the repository's limit of requests. What cannot be read is a note, never an error: nothing depends
 * on these but a proposal. Needs `actions: read`.
 */
export async function readEarlierRecords(options: EarlierRecordsOptions): Promise<EarlierRecords> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(PATIENCE_MS)]);
  const octokit = getOctokit(options.token, { baseUrl: options.apiUrl });
  const artifact = options.artifact ?? `migration-record-${options.environment}`;
  const records: MigrationRecord[] = [];
  let unread = 0;
  try {
    const found = await listArtifacts();
    const next = found.values();
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, found.length) }, async () => {
        for (const { id } of next) {
          const record = await readOne(id);
          if (record === undefined) unread += 1;
          else if (record.migrationId === options.migrationId) records.push(record);
        }
      }),
    );
  } catch (error) {
    options.signal.throwIfAborted();
    return { records, note: `Not every earlier run was looked at: ${whyOf(error)}.` };
  }
  const note = unread === 0 ? null : `${unread} records of earlier runs could not be read and were left out.`;
  return { records, note };

  async function listArtifacts(): Promise<Artifact[]> {
    const since = options.now.getTime() - (options.days ?? DAYS) * 24 * 3_600_000;
    const wanted: Artifact[] = [];
    for (let page = 1; ; page += 1) {
      const answer = await octokit.request(`GET /repos/${options.repository}/actions/artifacts`, {
        name: artifact,
        per_page: PAGE,
        page,
        request: { signal },
      });
      const { artifacts } = artifactsAnswer.parse(answer.data);
      wanted.push(...artifacts.filter((one) => isOurs(one, since)));
      const left = Number(answer.headers['x-ratelimit-remaining'] ?? Infinity) - LEFT_TO_OTHERS;
      const most = Math.max(0, Math.min(options.most ?? MOST_RECORDS, left));
      const old = artifacts.some(({ created_at: at }) => Date.parse(at) < since);
      if (old || artifacts.length < PAGE || wanted.length >= most) return wanted.slice(0, most);
    }
  }

  /** A run of a fork's pull request may have kept whatever it liked under this name. */
  function isOurs(one: Artifact, since: number): boolean {
    const run = one.workflow_run;
    const ownRun = run == null || run.head_repository_id === run.repository_id;
    return (
      one.name === artifact &&
      !one.expired &&
      ownRun &&
      one.size_in_bytes <= LARGEST_ARCHIVE &&
      Date.parse(one.created_at) >= since
    );
  }

  /** Undefined for what is no record, or was altered. */
  async function readOne(id: number): Promise<MigrationRecord | undefined> {
    // The answer leads to the store of artifacts, where the token is not sent along.
    const answer = await octokit.request(`GET /repos/${options.repository}/actions/artifacts/${id}/zip`, {
      request: { signal },
    });
    try {
      const archive = Buffer.from(answer.data as ArrayBuffer);
      const text = fileInZip(archive, 'migration-record.json', LARGEST_RECORD);
      return text === undefined ? undefined : parseRecord(text.toString(), artifact);
    } catch {
      return undefined;
    }
  }
}

function whyOf(error: unknown): string {
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 0;
  if (status === 403) {
    return 'GitHub forbade it (403); the job needs `permissions: actions: read`, or the limit of requests is used up';
  }
  if (status === 404) return 'the token cannot see the repository (404)';
  if (status === 401) return 'GitHub does not know the token (401)';
  return messageOf(error);
}
