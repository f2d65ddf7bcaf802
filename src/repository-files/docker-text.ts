import { isOneCommand } from '../digitalocean/wait-until-open.ts';
import { MARK } from './build-facts.ts';

/** A Dockerfile, and what a person has to see to in it. */
export interface GeneratedDockerfile {
  text: string;
  checks: string[];
}

/** BuildKit's parser by major version, and whose file it is. */
export function dockerfileHead(title: string): string[] {
  return [
    '# syntax=docker/dockerfile:1',
    `# ${MARK}: ${title}`,
    '# It is yours: what you edit is not touched again.',
  ];
}

/** One layer with packages of the system; nothing without any. */
export function aptInstall(packages: readonly string[]): string[] {
  if (packages.length === 0) return [];
  return [
    'RUN apt-get update -qq && \\',
    `    apt-get install --no-install-recommends -y ${packages.join(' ')} && \\`,
    '    rm -rf /var/lib/apt/lists/*',
  ];
}

/** `ENV` of several variables. */
export function environment(variables: Readonly<Record<string, string>>): string[] {
  const entries = Object.entries(variables).map(([name, value]) => `${name}="${value}"`);
  return [`ENV ${entries.join(' \\\n    ')}`];
}

/**
 * The command of the web process as the container's own: without a shell where that is possible, so that it is told when
 * it must end. App Platform gives each component its own command.
 */
export function command(web: string | undefined): string[] {
  if (web === undefined) return [];
  const words = web.trim().split(/\s+/);
  const plain = isOneCommand(web) && !/["'$*?<>~\\#{}]/.test(web) && !/^\w+=/.test(words[0] ?? '');
  const started = isOneCommand(web) && !/^\s*\w+=/.test(web) ? `exec ${web.trim()}` : web.trim();
  return [
    '# What a component runs is said by its own command on App Platform; this is what `docker run` starts.',
    `CMD ${JSON.stringify(plain ? words : ['sh', '-c', started])}`,
  ];
}

export const PORT_LINES = ['ENV PORT="8080"', 'EXPOSE 8080'];
