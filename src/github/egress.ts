/** The IPv4 address from which this machine is seen, as `url` answers it in plain text. */
export function egressAddress(_url: string, _signal?: AbortSignal): Promise<string> {
  throw new Error('not written yet');
}
