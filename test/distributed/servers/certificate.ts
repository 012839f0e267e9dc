import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pathOf } from '../../needs/programs.js';
import { wrongClock } from './clocks.js';

const execute = promisify(execFile);
const day = 86_400_000;

/** The files of a self-signed certificate. */
export interface Certificate {
  readonly key: string;
  readonly certificate: string;
}

/** Creates a certificate for 127.0.0.1 in a directory. It is valid from yesterday on, for clocks that are behind. */
export async function makeCertificate(directory: string): Promise<Certificate> {
  const [key, certificate] = [join(directory, 'server.key'), join(directory, 'server.crt')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const made = ['-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate, '-days', '3'];
  const env = pathOf('faketime') === undefined ? process.env : { ...process.env, ...wrongClock(-day) };
  await execute('openssl', ['req', '-x509', ...made, ...subject], { env });
  return { key, certificate };
}
