interface ForeignCommand {
  /** Where its subcommand and its flags are documented. */
  source: string;
  flags: readonly string[];
}

/** What the documents tell people to type that is not ours, by its words before any flag or argument. */
export const foreignCommands: Record<string, ForeignCommand> = {
  'heroku authorizations:create': {
    source: 'https://devcenter.heroku.com/articles/heroku-cli-commands#heroku-authorizations-create',
    flags: ['--scope', '--description', '--expires-in', '--short'],
  },
  'heroku redis:keyspace-notifications': {
    source:
      'https://devcenter.heroku.com/articles/heroku-cli-commands#heroku-redis-keyspace-notifications-database',
    flags: ['-c', '-a'],
  },
  'heroku rollback': {
    source: 'https://devcenter.heroku.com/articles/releases#rollback',
    flags: ['-a'],
  },
  'heroku ps:scale': {
    source: 'https://devcenter.heroku.com/articles/scaling#manual-scaling',
    flags: ['-a'],
  },
  'heroku maintenance:off': {
    source: 'https://devcenter.heroku.com/articles/maintenance-mode',
    flags: ['-a'],
  },
  'heroku run': { source: 'https://devcenter.heroku.com/articles/one-off-dynos', flags: ['-a'] },
  'doctl apps console': {
    source: 'https://docs.digitalocean.com/reference/doctl/reference/apps/console/',
    flags: ['--deployment'],
  },
  'doctl apps update': {
    source: 'https://docs.digitalocean.com/reference/doctl/reference/apps/update/',
    flags: ['--spec', '--wait'],
  },
  'gh attestation verify': {
    source: 'https://cli.github.com/manual/gh_attestation_verify',
    flags: ['--repo', '--owner', '--signer-workflow'],
  },
  'docker build': { source: 'https://docs.docker.com/reference/cli/docker/buildx/build/', flags: [] },
  'docker login': { source: 'https://docs.docker.com/reference/cli/docker/login/', flags: [] },
  'docker network create': {
    source: 'https://docs.docker.com/reference/cli/docker/network/create/',
    flags: ['--internal'],
  },
  'git subtree push': {
    source: 'https://git.kernel.org/pub/scm/git/git.git/plain/contrib/subtree/git-subtree.adoc',
    flags: [],
  },
  'openssl rand': { source: 'https://docs.openssl.org/3.0/man1/openssl-rand/', flags: ['-hex'] },
};

/** Programs whose every command in a document stands above. */
export const foreignPrograms = ['heroku', 'doctl', 'gh', 'docker', 'git', 'openssl'];
