// The one JavaScript file: it runs on any Node >= 20 before anything is installed, sees to the dependencies and
// to Node 24, and then runs the given TypeScript file (which Node 24 does by itself) or a package's own command.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');
const parent = process.ppid;
const stamp = join(root, 'node_modules', '.installed-lock');

if (!isInstalled()) await install();

const node = findNode24();
const [script, ...rest] = process.argv.slice(2);
const file = existsSync(join(root, script)) ? join(root, script) : join(root, 'node_modules', script);
process.exit(
  await run(node, ['--disable-warning=ExperimentalWarning', file, ...rest], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` },
  }),
);

/** Runs a command to its end, passes on what would end us, and answers with its exit code, as a shell tells it. */
async function run(command, args, options) {
  const child = spawn(command, args, { cwd: root, ...options });
  const pass = (signal) => {
    // A terminal sends Ctrl-C to the whole group; the child cleans up and decides the exit code.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, pass);
  const watch = setInterval(() => isAbandoned() && child.kill('SIGTERM'), 500);
  const code = await new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`${command} could not be started: ${error.message}`);
      resolve(127);
    });
    child.on('exit', (status, signal) => resolve(status ?? 128 + constants.signals[signal]));
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, pass);
  clearInterval(watch);
  return code;
}

/** npm that is told to end tells the shell between us, which ends without telling us. */
function isAbandoned() {
  return process.env.npm_lifecycle_event !== undefined && process.ppid !== parent;
}

function isInstalled() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === lock;
}

/** npm ci begins by deleting node_modules: of two commands on a fresh checkout one installs, and the other waits. */
async function install() {
  const turn = join(root, '.cache', 'installing');
  mkdirSync(dirname(turn), { recursive: true });
  for (let told = false; !takeTurn(turn); told = true) {
    if (!told) console.error('Another command is installing the dependencies; waiting for it …');
    await delay(500);
  }
  const code = isInstalled() ? 0 : await npmCi();
  if (code === 0) writeFileSync(stamp, lock);
  rmSync(turn, { force: true });
  if (code === 0) return;
  if (code < 128) console.error('npm ci failed (its reason stands above). Nothing was run.');
  process.exit(code < 128 ? 1 : code);
}

function npmCi() {
  console.error('Installing the dependencies of package-lock.json (npm ci) …');
  // Nothing that we use needs its install script: the packages carry what they would build.
  return run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
}

/** A file with our pid; one whose process is gone does not count. */
function takeTurn(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  try {
    process.kill(Number(readFileSync(file, 'utf8')), 0);
  } catch (error) {
    if (error.code === 'ESRCH') rmSync(file, { force: true });
  }
  return false;
}

/** Node 24 as GitHub's runner carries it: from the npm package of this platform, else the Node that runs this. */
function findNode24() {
  const require = createRequire(join(root, 'package.json'));
  for (const name of [
    `node-${process.platform}-${process.arch}`,
    `node-bin-${process.platform}-${process.arch}`,
  ]) {
    try {
      return join(dirname(require.resolve(`${name}/package.json`)), 'bin', 'node');
    } catch {
      // This platform has no package of that name.
    }
  }
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  console.error(
    `No Node 24 for ${process.platform}-${process.arch} on npm: install Node 24 and run this with it.`,
  );
  process.exit(1);
}
