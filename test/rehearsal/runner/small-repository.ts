import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { silentLog } from '../../../src/log.ts';
import { startGitHub } from '../../../rehearsal/github/world.ts';
import type { GitHubWorld } from '../../../rehearsal/github/world.ts';
import type { RunnerEvent } from '../../../rehearsal/runner/events.ts';
import type { JobResult, RunWorkflowOptions, WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { runWorkflow } from '../../../rehearsal/runner/run-workflow.ts';

/** A repository of a few files on a played GitHub, in which workflows can be run. */
export interface SmallRepository {
  directory: string;
  github: GitHubWorld;
  events: RunnerEvent[];
  run: (change?: Partial<RunWorkflowOptions>) => Promise<WorkflowResult>;
  close: () => Promise<void>;
}

/** Files by path; the workflow that runs is `.github/workflows/main.yml`. */
export async function smallRepository(files: Record<string, string>): Promise<SmallRepository> {
  const directory = mkdtempSync(join(tmpdir(), 'runner-test-'));
  const root = join(directory, 'repository');
  for (const [path, content] of Object.entries(files)) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  const github = await startGitHub({
    log: silentLog,
    repository: 'acme/shop',
    directory: join(directory, 'github'),
  });
  const events: RunnerEvent[] = [];
  return {
    directory,
    github,
    events,
    run: (change = {}) =>
      runWorkflow({
        file: join(root, '.github/workflows/main.yml'),
        projectRoot: root,
        workspace: root,
        event: 'workflow_dispatch',
        inputs: {},
        actor: 'ada',
        vars: {},
        repositorySecrets: {},
        environments: {},
        approve: () => Promise.resolve({ approved: true, by: 'grace' }),
        github,
        env: {},
        directory: join(directory, 'runs'),
        onEvent: (event) => events.push(event),
        cancelGraceMs: { interrupt: 3_000, terminate: 300 },
        ...change,
      }),
    close: async () => {
      await github.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A JavaScript action as a file pair below `actions/<name>/`. */
export function action(name: string, code: string, more = ''): Record<string, string> {
  return {
    [`actions/${name}/action.yml`]: `name: ${name}\ndescription: test\n${more}\nruns:\n  using: node24\n  main: index.mjs\n`,
    [`actions/${name}/index.mjs`]: code,
  };
}

export function job(result: WorkflowResult, id: string): JobResult {
  const found = result.jobs.find((one) => one.id === id);
  if (!found) throw new Error(`No job ${id}, only ${result.jobs.map((one) => one.id).join(', ')}.`);
  return found;
}
