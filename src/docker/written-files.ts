/** A file that a container gets before its program starts. */
export interface WrittenFile {
  path: string;
  content: string;
}

/**
 * A script for `sh` that writes files, hands them to a user of the image and becomes `command`; and the variables that
 * hold them. As variables they need no mount, which would show the runner's own user, whom servers refuse.
 */
export function withFiles(
  files: readonly WrittenFile[],
  owner: string,
  command: string,
): { script: string; variables: Record<string, string> } {
  const directories = [...new Set(files.map(({ path }) => path.slice(0, path.lastIndexOf('/'))))];
  return {
    script: [
      'set -eu; umask 077',
      `mkdir -p ${directories.join(' ')}`,
      ...files.map(({ path }, index) => `echo "$FILE_${index}" | base64 -d > ${path}; unset FILE_${index}`),
      `chown -R ${owner} ${directories.join(' ')}`,
      `exec ${command}`,
    ].join('\n'),
    variables: Object.fromEntries(
      files.map(({ content }, index) => [`FILE_${index}`, Buffer.from(content).toString('base64')]),
    ),
  };
}
