import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';

/** More than this is not the answer to a short command. */
const LONGEST_BYTES = 256 * 1024;

export interface RendezvousOptions {
  /** The session ends then, whatever it has sent. In milliseconds. */
  limitMs: number;
  signal: AbortSignal | undefined;
  /** Whether what has come so far is all that is wanted. */
  isComplete(output: string): boolean;
}

/**
 * What an attached one-off dyno writes, until `isComplete` or its end. Heroku's rendezvous is a TLS socket: the client
 * sends the path of the attach address, the server answers `rendezvous`, and from then on both ends of the dyno's terminal
 * are on it (as the `heroku` CLI does; its protocol is not documented elsewhere). The server's certificate is verified.
 *
 * @throws Error that never holds anything of what was received.
 */
export function readAttached(attachUrl: string, options: RendezvousOptions): Promise<string> {
  const url = URL.parse(attachUrl);
  if (url?.protocol !== 'rendezvous:' || url.hostname === '' || url.port === '')
    return Promise.reject(new Error('Heroku gave no address to attach to'));
  const host = url.hostname;
  const signals = [AbortSignal.timeout(options.limitMs), ...(options.signal ? [options.signal] : [])];
  return new Promise((resolve, reject) => {
    const ended = AbortSignal.any(signals);
    const socket: TLSSocket = connect({
      host,
      port: Number(url.port),
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    let received = '';
    const finish = (problem?: string): void => {
      ended.removeEventListener('abort', onAbort);
      socket.destroy();
      if (problem === undefined) resolve(received);
      else reject(new Error(problem));
    };
    const onAbort = (): void => {
      finish(
        options.signal?.aborted === true
          ? 'the run was cancelled'
          : `the session was not over after ${Math.round(options.limitMs / 1000)} s`,
      );
    };
    ended.addEventListener('abort', onAbort);
    // Cancelled before this began: there is no event any more.
    if (ended.aborted) onAbort();
    socket.setEncoding('latin1');
    socket.once('secureConnect', () => socket.write(`${url.pathname.slice(1)}\r\n`));
    socket.on('data', (part: string) => {
      received += part;
      if (received.length > LONGEST_BYTES) finish('the session sent far more than was asked for');
      else if (options.isComplete(received)) finish();
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      finish(`the connection to ${host}:${url.port} failed (${error.code ?? error.message})`);
    });
    socket.once('close', () => finish(received === '' ? 'the session ended before it began' : undefined));
  });
}
