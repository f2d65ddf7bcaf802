import type { GateApi, RunAnswer } from './gate-api.ts';

/** Why a run's record counts for nothing; `other`: it is no run of ours at all. */
export interface Doubt {
  doubt: string;
  other: boolean;
}

/**
 * The branch from which a run comes whose record may be relied on: only a shipped workflow writes that record, and only on
 * a branch that not everybody may write to is the workflow the one that was reviewed.
 *
 * @param workflows matches the paths of those that write it. Either stands in the path of a run when its workflow was
 *   started by itself, and among the called ones otherwise
 */
export async function trustedSource(
  api: GateApi,
  { path, head_branch: branch, head_repository: from, referenced_workflows: called }: RunAnswer,
  workflows: RegExp,
): Promise<{ branch: string } | Doubt> {
  if (![path, ...(called ?? []).map((one) => one.path)].some((name) => workflows.test(name)))
    return { doubt: `is a run of ${path}, not of migrate.yml`, other: true };
  const repository = await api.repository();
  const doubt = (text: string): Doubt => ({ doubt: text, other: false });
  if (from === null || from.full_name.toLowerCase() !== repository.full_name.toLowerCase()) {
    return doubt(
      `comes from ${from?.full_name ?? 'a repository that is gone'}, not from ${repository.full_name}: prepare there`,
    );
  }
  if (branch === null) return doubt(`belongs to no branch: prepare on ${repository.default_branch}`);
  if (await isGuarded(api, branch, repository.default_branch)) return { branch };
  return doubt(
    `ran on ${branch}, which is neither the default branch nor protected, so its workflow may have been anything: prepare on ${repository.default_branch}`,
  );
}

/** Whether not everybody who may write to the repository may write to that branch. */
export async function isGuarded(api: GateApi, branch: string, defaultBranch: string): Promise<boolean> {
  return branch === defaultBranch || (await api.branchIsProtected(branch));
}
