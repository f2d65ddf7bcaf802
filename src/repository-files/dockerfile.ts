import type { Language } from '../repository/language.ts';
import type { RepositoryFacts } from '../repository/read-repository.ts';
import type { BuildFacts } from './build-facts.ts';
import type { GeneratedDockerfile } from './docker-text.ts';
import { nodeDockerfile } from './dockerfile-node.ts';
import { pythonDockerfile } from './dockerfile-python.ts';
import { rubyDockerfile } from './dockerfile-ruby.ts';
import type { SystemPackages } from './system-packages.ts';

export interface DockerfileInput {
  facts: RepositoryFacts;
  build: BuildFacts;
  /** The one that the processes are written in, of those that the checkout has. */
  language: Language;
  packages: SystemPackages;
  /** The command of the web process; left out where nobody may read it. */
  web: string | undefined;
}

/**
 * A Dockerfile in the way of the language: built in a stage of its own, run by a user without rights, with nothing secret
 * in it. The image holds the language's own program, which workers wait with until the switch. `undefined` for a language
 * that this does not know.
 */
export function dockerfile(input: DockerfileInput): GeneratedDockerfile | undefined {
  const { name } = input.language;
  if (name === 'ruby') return rubyDockerfile(input);
  if (name === 'node') return nodeDockerfile(input);
  return name === 'python' ? pythonDockerfile(input) : undefined;
}

/** What must not get into an image: secrets of developers' machines first, then what only makes it large. */
export function dockerignore(mark: string): string {
  return `# ${mark}: what an image must not hold.
.git
.github
.do
**/.env*
!**/.env.example
*.pem
config/master.key
config/credentials/*.key
.dockerignore
Dockerfile*
**/node_modules
.bundle
vendor/bundle
.venv
venv
**/__pycache__
**/*.pyc
log/*
tmp/*
storage/*
!log/.keep
!tmp/.keep
!storage/.keep
coverage
.DS_Store
dump.rdb
*.dump
`;
}
