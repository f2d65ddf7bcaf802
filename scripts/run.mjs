// The one JavaScript file: it runs on any Node >= 20 before anything is installed, sees to the dependencies and
// to Node 24, and then runs the given TypeScript file (which Node 24 does by itself) or a package's own command.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');
const stamp = join(root, 'node_modules', '.installed-lock');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  console.error('Installing the dependencies of package-lock.json (npm ci) …');
  const installed = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (installed.status !== 0) {
    console.error('npm ci failed (its reason stands above). Nothing was run.');
    process.exit(1);
  }
  writeFileSync(stamp, lock);
}

const node = findNode24();
const [script, ...rest] = process.argv.slice(2);
const file = existsSync(join(root, script)) ? join(root, script) : join(root, 'node_modules', script);
const child = spawn(node, ['--disable-warning=ExperimentalWarning', file, ...rest], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH ?? ''}` },
});
// A terminal sends Ctrl-C to the whole group; the child cleans up and decides the exit code.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));

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
