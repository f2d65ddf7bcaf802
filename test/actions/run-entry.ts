import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

export interface PhaseRun {
  code: number | null;
  /** Standard output and error together. */
  log: string;
  outputs: Record<string, string>;
  /** Without the backslashes that keep Markdown from reading names as its own. */
  summary: string;
}

export interface EntryOptions {
  /** The workspace; the run's own files lie in it, too. */
  directory: string;
  /** Over the defaults of action.yml. */
  inputs: Record<string, string>;
  environment?: Record<string, string>;
  /** The program; the action's own source unless given. */
  entry?: string;
  /**
   * What happens to the main step when it prints such a line, or after so many milliseconds: a cancelled job, or a runner
   * that dies, without a post step.
   */
  fate?: { at: RegExp | number; signal: 'SIGINT' | 'SIGKILL' };
}

interface ActionFile {
  inputs: Record<string, { default?: string }>;
  runs: { post?: string };
}

/** Runs an action's entry in processes of its own, as the runner does: main, then its post step where it has one. */
export async function runEntry(
  action: string,
  { directory, inputs, environment: more = {}, ...options }: EntryOptions,
): Promise<PhaseRun> {
  const folder = join(import.meta.dirname, '../../actions', action);
  const file = parse(readFileSync(join(folder, 'action.yml'), 'utf8')) as ActionFile;
  const entry = options.entry ?? join(folder, 'index.ts');
  const run = join(directory, `run-${Date.now()}-${Math.random().toString(36).slice(2)}`);
  mkdirSync(run);
  for (const file of ['output', 'state', 'summary']) writeFileSync(join(run, file), '');
  const environment = {
    PATH: process.env.PATH ?? '',
    HOME: process.env.HOME ?? '/tmp',
    GITHUB_ACTIONS: 'true',
    GITHUB_OUTPUT: join(run, 'output'),
    GITHUB_STATE: join(run, 'state'),
    GITHUB_STEP_SUMMARY: join(run, 'summary'),
    GITHUB_RUN_ID: '1',
    GITHUB_RUN_ATTEMPT: '1',
    GITHUB_ACTOR: 'ada',
    GITHUB_TRIGGERING_ACTOR: 'ada',
    GITHUB_REPOSITORY: 'acme/shop',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_API_URL: 'http://127.0.0.1:9',
    GITHUB_WORKSPACE: directory,
    GITHUB_SHA: 'a'.repeat(40),
    RUNNER_TEMP: run,
    NODE_NO_WARNINGS: '1',
    ...more,
    ...Object.fromEntries(
      Object.entries(file.inputs).map(([name, { default: usual = '' }]) => [
        `INPUT_${name.replaceAll(' ', '_').toUpperCase()}`,
        // An expression is the runner's to fill in.
        inputs[name] ?? (usual.includes('${{') ? '' : usual),
      ]),
    ),
  };
  const main = await execute(entry, directory, environment, options.fate);
  const state = readKeyValues(join(run, 'state'));
  const withState = Object.fromEntries(Object.entries(state).map(([key, value]) => [`STATE_${key}`, value]));
  const post =
    file.runs.post === undefined || main.died
      ? undefined
      : await execute(entry, directory, { ...environment, ...withState });
  return {
    code: main.code,
    log: main.log + (post?.log ?? ''),
    outputs: readKeyValues(join(run, 'output')),
    summary: readFileSync(join(run, 'summary'), 'utf8').replaceAll(/\\(?=[^\w\s])/g, ''),
  };
}

async function execute(
  entry: string,
  cwd: string,
  env: Record<string, string>,
  fate?: EntryOptions['fate'],
): Promise<{ code: number | null; log: string; died: boolean }> {
  const child = spawn(process.execPath, [entry], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  const timer = typeof fate?.at === 'number' ? setTimeout(() => child.kill(fate.signal), fate.at) : undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      if (!(fate?.at instanceof RegExp) || child.killed || !fate.at.test(log)) return;
      child.kill(fate.signal);
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  return { code, log, died: child.killed && fate?.signal === 'SIGKILL' };
}

/** The runner's file commands: `name<<delimiter`, lines, delimiter. */
function readKeyValues(path: string): Record<string, string> {
  const values: Record<string, string> = {};
  const lines = readFileSync(path, 'utf8').split('\n');
  for (let index = 0; index < lines.length; index += 1) {
    const [name, delimiter] = (lines[index] ?? '').split('<<');
    if (name === undefined || name === '' || delimiter === undefined) continue;
    const end = lines.indexOf(delimiter, index + 1);
    values[name] = lines.slice(index + 1, end).join('\n');
    index = end;
  }
  return values;
}
