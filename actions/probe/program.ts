import { sourceArchive } from '../../src/front-door/source-archive.ts';

/** What our program answers: which of the two slugs, and releases, it was that served. */
export const ELSEWHERE = 'built-elsewhere';
/** The config var whose value the app's own program answers. */
export const GENERATION = 'PROBE_GENERATION';
/** And the one that says how long it waits before it binds, in milliseconds. */
export const START_DELAY = 'PROBE_START_DELAY_MS';

/**
 * A source archive for Heroku's Node.js buildpack: a web server without dependencies that answers one word. It binds late
 * when the config var says so, and finishes what it has begun when it is told to end.
 */
export function probeProgram({ answers }: { answers: { text: string } | { configVar: string } }): Buffer {
  const word =
    'text' in answers ? JSON.stringify(answers.text) : `process.env.${answers.configVar} ?? 'none'`;
  const delay = 'text' in answers ? '0' : `Number(process.env.${START_DELAY} ?? 0)`;
  const manifest = {
    name: 'probe',
    version: '1.0.0',
    private: true,
    type: 'module',
    engines: { node: '24.x' },
  };
  const lock = {
    name: manifest.name,
    version: manifest.version,
    lockfileVersion: 3,
    requires: true,
    packages: { '': { name: manifest.name, version: manifest.version, engines: manifest.engines } },
  };
  return sourceArchive({
    'server.js': `import { createServer } from 'node:http';

const server = createServer((_request, response) => response.end(${word}));
const start = setTimeout(() => server.listen(Number(process.env.PORT)), ${delay});
process.on('SIGTERM', () => {
  clearTimeout(start);
  server.close(() => process.exit());
  server.closeIdleConnections();
});
`,
    'package.json': `${JSON.stringify(manifest, null, 2)}\n`,
    'package-lock.json': `${JSON.stringify(lock, null, 2)}\n`,
    Procfile: 'web: node server.js\n',
  });
}
