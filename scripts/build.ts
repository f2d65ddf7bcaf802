import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { licenceNotes, packagesIn } from './licences.ts';

/**
 * Bundles every action into `dist/<action>/` (ncc, ESM, not minified, so that stack traces stay readable).
 * `--check` builds in memory, changes nothing and fails when a committed bundle is stale.
 */
type Ncc = (
  file: string,
  options: Record<string, unknown>,
) => Promise<{ code: string; assets: Record<string, { source: string | Buffer }> }>;
const ncc = createRequire(import.meta.url)('@vercel/ncc') as Ncc;
const root = join(import.meta.dirname, '..');
const check = process.argv.includes('--check');
const only = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const actions = readdirSync(join(root, 'actions')).filter(
  (name) => existsSync(join(root, 'actions', name, 'index.ts')) && (only.length === 0 || only.includes(name)),
);
const modules = join(root, 'node_modules');
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, { license?: string }>;
};
const licences = new Map(
  Object.entries(lock.packages).map(([path, { license }]) => [path.split('node_modules/').at(-1), license]),
);
const licenceOf = (name: string): string | undefined => licences.get(name);
const digest = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');

// One compilation for all: left to itself, ncc would compile (and check) the whole source once for each bundle.
const compiled = join(root, 'build');
rmSync(compiled, { recursive: true, force: true });
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const compilation = spawnSync(process.execPath, [tsc, '--project', join(root, 'actions')], {
  stdio: 'inherit',
});
if (compilation.status !== 0) process.exit(1);

const stale: string[] = [];
for (const action of actions) {
  const { code, assets } = await ncc(join(compiled, 'actions', action, 'index.js'), {
    cache: false,
    quiet: true,
    esm: true,
    // One for each chunk, which would else overwrite each other.
    license: '[id].LICENSES.txt',
    target: 'es2024',
  });
  const folder = join(root, 'dist', action);
  const files = new Map<string, string | Buffer>([['index.js', code]]);
  const notes: string[] = [];
  for (const [name, asset] of Object.entries(assets)) {
    if (name.endsWith('.LICENSES.txt')) notes.push(asset.source.toString());
    else files.set(name, asset.source);
  }
  files.set('LICENSES.txt', licenceNotes(packagesIn(notes, licenceOf), modules));
  // Without its own package.json a bundle that is moved elsewhere would be read as CommonJS.
  files.set('package.json', '{"type":"module"}\n');

  if (check) {
    const committed = existsSync(folder) ? readdirSync(folder) : [];
    for (const name of new Set([...files.keys(), ...committed])) {
      const built = files.get(name);
      const path = join(folder, name);
      if (built === undefined || !existsSync(path) || digest(readFileSync(path)) !== digest(built)) {
        stale.push(`dist/${action}/${name}`);
      }
    }
  } else {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const [name, content] of files) writeFileSync(join(folder, name), content);
  }
  console.log(`${action}: ${(code.length / 1024).toFixed(0)} kB, sha256 ${digest(code).slice(0, 16)}`);
}
rmSync(compiled, { recursive: true, force: true });
if (stale.length > 0) {
  console.error(`Stale: ${stale.join(', ')}. Run "npm run build" and commit dist.`);
  process.exit(1);
}
