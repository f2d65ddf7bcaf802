import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '../rehearsal/servers/process.ts';

type Ncc = (
  file: string,
  options: Record<string, unknown>,
) => Promise<{ code: string; assets: Record<string, { source: string | Buffer }> }>;

const bundles = new Map<string, Promise<string>>();

/**
 * One file of JavaScript, as actions are shipped: a process that turns TypeScript into JavaScript by itself has 40 MB for
 * that which no user's process has. Types are checked elsewhere. Built once in a run and removed at its end.
 */
export function bundled(module: URL): Promise<string> {
  const bundle = bundles.get(module.href) ?? build(fileURLToPath(module));
  bundles.set(module.href, bundle);
  return bundle;
}

async function build(file: string): Promise<string> {
  // Not before it is needed: it is most of what this process would load.
  const ncc = createRequire(import.meta.url)('@vercel/ncc') as Ncc;
  const { code, assets } = await ncc(file, {
    cache: false,
    quiet: true,
    esm: true,
    target: 'es2024',
    transpileOnly: true,
  });
  const directory = temporaryDirectory('bundle');
  for (const [name, { source }] of Object.entries(assets)) writeFileSync(join(directory, name), source);
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}\n');
  const bundle = join(directory, 'index.js');
  writeFileSync(bundle, code);
  return bundle;
}
