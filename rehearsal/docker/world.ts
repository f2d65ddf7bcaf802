import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { messageOf } from '../../src/errors.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { createCommands } from './commands.ts';
import type { PlayedContainer, PlayedNetwork } from './container.ts';
import { DockerError } from './options.ts';

/** An image whose processes are real: a directory of code, run as the container of the image would run it. */
export interface PlayedImage {
  code: string;
  /** Where the code lies in the image; `/app` unless given. */
  workingDirectory?: string;
  /** Needed to pull it; without it, anybody may. */
  login?: { user: string; password: string };
}

export interface DockerWorldOptions {
  /** By reference (`registry/name@sha256:…`); PostgreSQL's and Redis's official ones are there anyway. */
  images: (reference: string) => PlayedImage | undefined;
}

export interface DockerCallRecord {
  args: string[];
  code: number;
}

export interface DockerWorld {
  /** A directory with the program `docker`, for PATH. */
  bin: string;
  /** What was asked so far, in order. */
  calls: DockerCallRecord[];
  containers(): PlayedContainer[];
  /** Every container that there ever was, in order. */
  history: readonly PlayedContainer[];
  networks(): PlayedNetwork[];
  stop(): Promise<void>;
}

/**
 * A played Docker: a program with the flags that this project uses, refusing every other one, and a server behind it that
 * runs what containers would run as real processes, each at an address of its own: the code of an image, and for the
 * official images of PostgreSQL and Redis real servers with the configuration that the container is given.
 */
export async function startDocker(options: DockerWorldOptions): Promise<DockerWorld> {
  const home = temporaryDirectory('docker');
  const socket = join(home, 'docker.sock');
  const { run, state } = createCommands(options, join(home, 'containers'));
  const calls: DockerCallRecord[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      const { args, environment } = JSON.parse(Buffer.concat(chunks).toString()) as {
        args: string[];
        environment: Record<string, string>;
      };
      const record: DockerCallRecord = { args, code: -1 };
      calls.push(record);
      void run(args, environment).then(
        (stdout) => {
          record.code = 0;
          response.end(JSON.stringify({ code: 0, stdout: stdout.out, stderr: stdout.err }));
        },
        (error: unknown) => {
          record.code = error instanceof DockerError ? error.code : 1;
          response.end(
            JSON.stringify({ code: record.code, stdout: '', stderr: `docker: ${messageOf(error)}\n` }),
          );
        },
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));

  const bin = join(home, 'bin');
  mkdirSync(bin);
  const program = join(bin, 'docker');
  const cli = fileURLToPath(new URL('./cli.ts', import.meta.url));
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${cli}' '${socket}' "$@"\n`);
  chmodSync(program, 0o755);
  return {
    bin,
    calls,
    containers: () => [...state.containers.values()],
    history: state.history,
    networks: () => [...state.networks.values()],
    stop: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      await Promise.all([...state.containers.values()].map((container) => container.remove()));
    },
  };
}
