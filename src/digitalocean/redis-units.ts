import { CONFIGURATION, DATA } from './redis-configuration.ts';

// systemd's units on the Redis droplet.

/** The image's `redis` user and group. */
export const REDIS_IDS = '999:1000';

/** `IMAGE=…`: what the container is made from; `redis-upgrade` rewrites it. */
export const IMAGE_FILE = '/etc/redis-keeper/image';

/** Addresses of DigitalOcean's metadata service, which gives the droplet's user data to whoever asks from inside. */
const METADATA = '169.254.169.254/32';

/**
 * Redis in a container that may write to its data and to nothing else. It starts again whatever ended it, after a reboot
 * without asking a registry (the image is there), and is restarted with Docker when that is.
 */
export function containerUnit(port: number): string {
  const firewall = `DOCKER-USER --destination ${METADATA} --jump REJECT`;
  return unit(
    [
      'Description=Redis in a container',
      'After=docker.service network-online.target',
      'Wants=network-online.target',
      'Requires=docker.service',
      '# Never give up: by default five quick failures would be the end.',
      'StartLimitIntervalSec=0',
    ],
    [
      'Restart=always',
      'RestartSec=2',
      'TimeoutStartSec=infinity',
      'TimeoutStopSec=90',
      `EnvironmentFile=${IMAGE_FILE}`,
      '# The user data holds the server key: a container has no business with it.',
      `ExecStartPre=/bin/sh -c '/usr/sbin/iptables --check ${firewall} || /usr/sbin/iptables --insert ${firewall}'`,
      'ExecStartPre=-/usr/bin/docker rm --force redis',
      [
        'ExecStart=/usr/bin/docker run --rm --name redis',
        `--user ${REDIS_IDS} --read-only --cap-drop ALL --security-opt no-new-privileges`,
        `--publish ${port}:${port} --stop-timeout 60`,
        `--volume /etc/redis:/etc/redis:ro --volume ${DATA}:${DATA}`,
        // A server that loads its data is alive, and one that asks for a password, too.
        `--health-cmd 'redis-cli --tls --cacert /etc/redis/tls/ca.crt -p ${port} ping | grep -qE "PONG|NOAUTH|LOADING"'`,
        '--health-interval 30s --health-timeout 10s --health-retries 6 --health-start-period 60s',
        `\${IMAGE} redis-server ${CONFIGURATION}`,
      ].join(' '),
      'ExecStop=/usr/bin/docker stop redis',
    ],
    'multi-user.target',
  );
}

/** A script that a timer starts. */
export function scriptUnit(description: string, path: string): string {
  return unit(
    [`Description=${description}`, 'After=redis-container.service'],
    ['Type=oneshot', `ExecStart=${path}`],
  );
}

export function timerUnit(description: string, when: readonly string[]): string {
  return [
    '[Unit]',
    `Description=${description}`,
    '',
    '[Timer]',
    ...when,
    '',
    '[Install]',
    'WantedBy=timers.target',
    '',
  ].join('\n');
}

function unit(about: readonly string[], service: readonly string[], wantedBy?: string): string {
  return [
    '[Unit]',
    ...about,
    '',
    '[Service]',
    ...service,
    '',
    ...(wantedBy === undefined ? [] : ['[Install]', `WantedBy=${wantedBy}`, '']),
  ].join('\n');
}
