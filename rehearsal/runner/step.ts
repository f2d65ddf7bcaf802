import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ConfigurationError, messageOf } from '../../src/errors.ts';
import { readAction } from './action-file.ts';
import type { ActionFile } from './action-file.ts';
import { parseCommandFile } from './command-file.ts';
import { parseCommand } from './command.ts';
import type { Conclusion } from './events.ts';
import { render, renderText } from './expression.ts';
import { baseEnvironment, jobScope, outlivesCancelling, runnerContext, stepMayRun } from './job-state.ts';
import type { JobState, PostStep } from './job-state.ts';
import type { StepFate } from './options.ts';
import { createStepLog } from './step-log.ts';
import type { StepLog } from './step-log.ts';
import { runProcess, type Interference } from './step-process.ts';
import type { StepDefinition } from './workflow-file.ts';

const oneMebibyte = 1024 * 1024;
const fileCommands = ['OUTPUT', 'ENV', 'PATH', 'STATE', 'STEP_SUMMARY'] as const;
type FileCommand = (typeof fileCommands)[number];

/** A step that is being run. */
interface RunningStep {
  state: JobState;
  step: StepDefinition;
  id: string;
  name: string;
  log: StepLog;
  env: Record<string, string>;
  files: Record<FileCommand, string>;
  outputs: Record<string, string>;
  post?: PostStep;
}

/** Runs one step (or, with `post`, an action's post step) and notes how it ended in the job's state. */
export async function runStep(
  state: JobState,
  step: StepDefinition,
  index: number,
  post?: PostStep,
): Promise<void> {
  const { order } = state;
  const name = post?.name ?? stepName(state, step);
  const slug = `${String(index + 1).padStart(2, '0')}-${name
    .toLowerCase()
    .replace(/[^a-z0-9]+/gu, '-')
    .slice(0, 60)}`;
  const log = createStepLog(join(order.folders.logs, `${slug}.log`), state.masker, (line) =>
    order.emit({ type: 'line', job: order.id, step: name, line }),
  );
  const started = performance.now();
  let outcome: Conclusion = 'skipped';
  const running: RunningStep = {
    state,
    step,
    id: post?.id ?? step.id ?? `__step_${index}`,
    name,
    log,
    env: { ...state.env, ...post?.env },
    files: openFiles(state, slug),
    outputs: {},
    ...(post ? { post } : {}),
  };
  try {
    if (stepMayRun(state, step, running.env)) {
      order.emit({ type: 'step-started', job: order.id, step: name });
      outcome = await perform(running);
    }
  } catch (error) {
    log.write(`##[error]${messageOf(error)}`);
    outcome = 'failure';
  }
  const tolerated =
    outcome === 'failure' && render(step['continue-on-error'] ?? false, jobScope(state)) === true;
  const conclusion = tolerated ? 'success' : outcome;
  if (conclusion === 'failure') state.failed = true;
  if (!post) state.steps[running.id] = { outputs: running.outputs, outcome, conclusion };
  const durationMs = performance.now() - started;
  const summary = outcome === 'skipped' ? '' : keepSummary(running, slug);
  state.results.push({ name, conclusion, outcome, log: log.path, summary, durationMs });
  order.emit({ type: 'step-ended', job: order.id, step: name, conclusion, milliseconds: durationMs });
}

function stepName(state: JobState, step: StepDefinition): string {
  if (step.name !== undefined) return state.masker.mask(renderText(step.name, jobScope(state)));
  return state.masker.mask(`Run ${step.uses ?? (step.run ?? '').trim().split('\n')[0] ?? ''}`);
}

function openFiles(state: JobState, slug: string): Record<FileCommand, string> {
  const folder = join(state.temp, '_commands', slug);
  mkdirSync(folder, { recursive: true });
  const paths = fileCommands.map((command) => {
    const path = join(folder, command);
    writeFileSync(path, '');
    return [command, path] as const;
  });
  return Object.fromEntries(paths) as Record<FileCommand, string>;
}

/** What a step does: a script, an action of ours in its own process, or a played action. */
async function perform(running: RunningStep): Promise<Conclusion> {
  const { state, step, post } = running;
  const scope = jobScope(state, running.env);
  for (const [name, value] of Object.entries(step.env ?? {})) running.env[name] = renderText(value, scope);
  if (post)
    return runNode(running, post.file, inputsOf(running, readAction(post.actionFolder)), post.actionFolder);
  if (step.run !== undefined && `run:${running.id}` in state.order.builtIns)
    return play(running, `run:${running.id}`);
  if (step.run !== undefined) return runScript(running, step.run);
  if (step.uses === undefined)
    throw new ConfigurationError(`The step "${running.name}" has neither "run" nor "uses".`);
  const folder = actionFolder(state, step.uses);
  if (folder === undefined) return play(running, step.uses);
  return runAction(running, folder);
}

/** The folder of an action that is run for real; undefined = it has to be played. */
function actionFolder(state: JobState, uses: string): string | undefined {
  const { workflow, options } = state.order;
  if (uses.startsWith('$/')) return join(workflow.root, uses.slice(2));
  if (uses.startsWith('./')) return join(state.workspace, uses.slice(2));
  const own = /^[^/]+\/heroku-to-digitalocean\/([^@]+)@/u.exec(uses);
  return own?.[1] === undefined ? undefined : join(options.projectRoot, own[1]);
}

async function runScript(running: RunningStep, template: string): Promise<Conclusion> {
  const { state, step } = running;
  const { workflow, definition } = state.order;
  const scope = jobScope(state, running.env);
  const fallback = { ...workflow.defaults?.run, ...definition.defaults?.run };
  const shell = step.shell ?? fallback.shell;
  const folder = renderText(step['working-directory'] ?? fallback['working-directory'] ?? '', scope);
  const script = join(state.temp, `${running.id}.sh`);
  writeFileSync(script, `${renderText(template, scope)}\n`, { mode: 0o700 });
  // Without "shell:" the runner gives bash -e only; with "shell: bash" also pipefail and no profile.
  const [command, ...args] = shellLine(shell);
  const line: [string, ...string[]] = [command, ...args.map((part) => part.replace('{0}', script))];
  running.log.write(`##[group]Run ${template.trim().split('\n')[0] ?? ''}`);
  for (const part of renderText(template, scope).trimEnd().split('\n')) running.log.write(part);
  running.log.write('##[endgroup]');
  return run(running, line, resolve(state.workspace, folder), running.env, '');
}

function shellLine(shell: string | undefined): [string, ...string[]] {
  if (shell === undefined) return ['bash', '-e', '{0}'];
  if (shell === 'bash') return ['bash', '--noprofile', '--norc', '-eo', 'pipefail', '{0}'];
  if (shell === 'sh') return ['sh', '-e', '{0}'];
  if (shell === 'python') return ['python3', '{0}'];
  const [command = '', ...args] = shell.split(' ');
  if (!args.includes('{0}')) throw new ConfigurationError(`The shell "${shell}" is not played.`);
  return [command, ...args];
}

async function runAction(running: RunningStep, folder: string): Promise<Conclusion> {
  const { state, step, id, name } = running;
  const action = readAction(folder);
  const inputs = inputsOf(running, action);
  // Registered before the main part runs: an action that fails half-way still gets its post step.
  if (action.post) {
    const { file, condition } = action.post;
    state.posts.push({
      name: `Post ${name}`,
      file,
      condition,
      definition: step,
      env: {},
      actionFolder: folder,
      id,
    });
  }
  const known = new Set(Object.keys(action.inputs).map((key) => key.toLowerCase()));
  const unexpected = Object.keys(step.with ?? {}).filter((key) => !known.has(key.toLowerCase()));
  if (unexpected.length > 0) {
    running.log.write(
      `##[warning]Unexpected input(s) '${unexpected.join("', '")}', valid inputs are [${[...known].join(', ')}]`,
    );
  }
  return runNode(running, action.main, inputs, folder);
}

/** `with:` over the action's defaults, which may be expressions themselves; keys in lower case. */
function inputsOf(running: RunningStep, action: ActionFile | undefined): Record<string, string> {
  const scope = jobScope(running.state, running.env);
  const inputs: Record<string, string> = {};
  for (const [name, value] of Object.entries(action?.inputs ?? {}))
    inputs[name.toLowerCase()] = renderText(value, scope);
  for (const [name, value] of Object.entries(running.step.with ?? {}))
    inputs[name.toLowerCase()] = renderText(value, scope);
  return inputs;
}

async function runNode(
  running: RunningStep,
  file: string,
  inputs: Record<string, string>,
  folder: string,
): Promise<Conclusion> {
  const env = { ...running.env };
  for (const [name, value] of Object.entries(inputs))
    env[`INPUT_${name.replaceAll(' ', '_').toUpperCase()}`] = value;
  running.log.write(`##[group]Run ${running.step.uses ?? ''}`);
  for (const name of Object.keys(running.step.with ?? {}))
    running.log.write(`  ${name}: ${inputs[name.toLowerCase()] ?? ''}`);
  running.log.write('##[endgroup]');
  return run(running, [process.execPath, file], running.state.workspace, env, folder);
}

/** Starts the step's process, listens to its commands and applies the files that it wrote. */
async function run(
  running: RunningStep,
  [command, ...args]: [string, ...string[]],
  cwd: string,
  env: Record<string, string>,
  actionPath: string,
): Promise<Conclusion> {
  const { state, step, files, log } = running;
  const { options, minuteMs } = state.order;
  const minutes =
    step['timeout-minutes'] === undefined
      ? undefined
      : Number(render(step['timeout-minutes'], jobScope(state)));
  const end = await runProcess({
    command,
    args,
    cwd,
    env: {
      ...baseEnvironment(state),
      ...env,
      GITHUB_ACTION: running.id,
      ...(actionPath === '' ? {} : { GITHUB_ACTION_PATH: actionPath }),
      ...Object.fromEntries(fileCommands.map((name) => [`GITHUB_${name}`, files[name]])),
    },
    onLine: listen(running),
    fullDisk: state.fullDisk,
    // What still runs after a cancellation (always(), post) is not stopped by the same cancellation again.
    ...(outlivesCancelling(state, running.step, env)
      ? { stop: state.forced }
      : state.stop.aborted
        ? {}
        : { stop: state.stop }),
    ...(minutes === undefined ? {} : { timeoutMs: minutes * minuteMs }),
    graceMs: options.cancelGraceMs ?? { interrupt: 7_500, terminate: 2_500 },
  });
  if (end.group !== undefined) state.groups.push(end.group);
  if (end.how === 'timed-out')
    log.write(`##[error]The action '${running.name}' has timed out after ${minutes ?? 0} minutes.`);
  const applied = applyFiles(running);
  if (end.how === 'stopped') {
    log.write('##[error]The operation was canceled.');
    return 'cancelled';
  }
  if (end.how === 'killed') log.write('##[error]Process was killed (SIGKILL).');
  else if (end.code !== 0 && end.how === 'exited')
    log.write(`##[error]Process completed with exit code ${end.code ?? 137}.`);
  return end.how === 'exited' && end.code === 0 && applied ? 'success' : 'failure';
}

/** Interprets each line of a step as GitHub's runner does, and asks whether this is where the step is to die. */
function listen(
  running: RunningStep,
): (line: string) => Interference | undefined | Promise<Interference | undefined> {
  const { state, log, name } = running;
  const { order, masker } = state;
  const { watch, killStep } = order.options;
  let resumeToken: string | undefined;
  return (line) => {
    watch?.onRawLine?.(order.id, name, line);
    const command = parseCommand(line);
    let shown = line;
    if (resumeToken !== undefined) {
      if (command?.name === resumeToken.toLowerCase()) resumeToken = undefined;
    } else if (command) {
      watch?.onCommand?.(order.id, name, command);
      if (command.name === 'stop-commands') resumeToken = command.message;
      if (command.name === 'add-mask') {
        masker.add(command.message);
        shown = '::add-mask::***';
      } else if (command.name === 'debug') {
        if (runnerContext(state).debug !== '1') return undefined;
        shown = `##[debug]${command.message}`;
      } else if (['group', 'error', 'warning', 'notice'].includes(command.name)) {
        shown = `##[${command.name}]${command.message}`;
      } else if (command.name === 'endgroup') shown = '##[endgroup]';
    }
    const masked = log.write(shown);
    const wish = killStep?.(order.id, name, masked) ?? false;
    return wish instanceof Promise ? wish.then((answer) => suffer(state, answer)) : suffer(state, wish);
  };
}

/** What becomes of the machine, and what that does to the process that runs on it now. */
function suffer(state: JobState, wish: StepFate): Interference | undefined {
  if (wish === 'runner') state.lost = true;
  if (wish === 'full-disk') state.fullDisk = true;
  if (wish === false) return undefined;
  return wish === 'interrupt' || wish === 'full-disk' ? wish : 'kill';
}

/** Outputs, variables, paths and state that the step wrote. False when a file is malformed, which fails the step. */
function applyFiles(running: RunningStep): boolean {
  const { state, files, log, post } = running;
  const read = (name: FileCommand) => (existsSync(files[name]) ? readFileSync(files[name], 'utf8') : '');
  try {
    for (const [name, value] of parseCommandFile(read('OUTPUT'), 'GITHUB_OUTPUT'))
      running.outputs[name] = value;
    for (const [name, value] of parseCommandFile(read('ENV'), 'GITHUB_ENV')) {
      if (name.toUpperCase() === 'NODE_OPTIONS')
        throw new ConfigurationError(
          "Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command.",
        );
      if (!/^(GITHUB|RUNNER)_/iu.test(name)) state.env[name] = value;
    }
    for (const path of read('PATH').split('\n')) if (path.trim() !== '') state.path.unshift(path.trim());
    const own = post ?? state.posts.findLast(({ id }) => id === running.id);
    for (const [name, value] of parseCommandFile(read('STATE'), 'GITHUB_STATE')) {
      if (own) own.env[`STATE_${name}`] = value;
    }
    return true;
  } catch (error) {
    log.write(`##[error]${messageOf(error)}`);
    return false;
  }
}

/** Keeps the rendered summary, masked; one over a mebibyte is not shown at all, as on GitHub. */
function keepSummary(running: RunningStep, slug: string): string {
  const { state, files, log } = running;
  if (!existsSync(files.STEP_SUMMARY) || statSync(files.STEP_SUMMARY).size === 0) return '';
  if (statSync(files.STEP_SUMMARY).size > oneMebibyte) {
    log.write('##[error]$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of 1024k.');
    return '';
  }
  const summary = state.masker.mask(readFileSync(files.STEP_SUMMARY, 'utf8'));
  writeFileSync(join(state.order.folders.summaries, `${slug}.md`), summary);
  return summary;
}

async function play(running: RunningStep, uses: string): Promise<Conclusion> {
  const { state } = running;
  const { order } = state;
  const name = uses.split('@')[0] ?? '';
  const builtIn = order.builtIns[name];
  if (!builtIn)
    throw new ConfigurationError(
      `${uses} is not played by this runner: give it as a built-in named "${name}".`,
    );
  await builtIn({
    inputs: inputsOf(running, undefined),
    workspace: state.workspace,
    callerRepository: order.options.workspace,
    env: { ...baseEnvironment(state), ...running.env },
    job: order.id,
    runId: order.runId,
    runAttempt: order.runAttempt,
    artifacts: (runId) => order.options.github.artifacts(runId),
    info: (line) => {
      running.log.write(line);
    },
    mask: (value) => state.masker.add(value),
    setOutput: (output, value) => {
      running.outputs[output] = value;
    },
  });
  return 'success';
}
