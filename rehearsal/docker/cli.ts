import { request } from 'node:http';

// What stands on PATH as `docker`: it hands everything over to the played server, as the real program does to the daemon.

const [socketPath = '', ...args] = process.argv.slice(2);
const asking = request({ socketPath, path: '/', method: 'POST' }, (answer) => {
  let text = '';
  answer.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  answer.once('end', () => {
    const { code, stdout, stderr } = JSON.parse(text) as { code: number; stdout: string; stderr: string };
    process.stdout.write(stdout);
    process.stderr.write(stderr);
    process.exitCode = code;
  });
});
asking.once('error', () => {
  process.stderr.write(
    `Cannot connect to the Docker daemon at unix://${socketPath}. Is the docker daemon running?\n`,
  );
  process.exitCode = 1;
});
asking.end(JSON.stringify({ args, environment: process.env }));
