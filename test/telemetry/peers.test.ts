import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { builtIn } from '../../scripts/built-in.js';
import { loadPeers } from '../../src/shared/peers.js';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import { afterwards } from './support.js';

const program = `
import { logTo, prometheusEndpoint, startTelemetry } from './telemetry.mjs';
const { code, message } = await startTelemetry().catch((error) => error);
const endpoint = await prometheusEndpoint().catch((error) => error);
const stop = logTo({ debug() {}, info() {}, warn() {}, error() {} });
stop();
console.log(JSON.stringify({ code, message, endpoint: endpoint.message }));
`;

describe('without the packages of OpenTelemetry', () => {
  it('telemetry says on start which packages to install, and logging works without them', async () => {
    const directory = await temporaryDirectory();
    afterwards(() => removeDirectory(directory));
    await build({
      entryPoints: [fileURLToPath(new URL('../../src/telemetry/index.ts', import.meta.url))],
      outfile: `${directory}/telemetry.mjs`,
      bundle: true,
      platform: 'node',
      format: 'esm',
      plugins: [builtIn()],
    });
    await writeFile(`${directory}/program.mjs`, program);
    const { stdout } = await promisify(execFile)(process.execPath, [`${directory}/program.mjs`], { cwd: directory });
    expect(JSON.parse(stdout)).toEqual({
      code: 'ERR_MISSING_PEER',
      message: 'telemetry needs packages that are not installed: npm install @opentelemetry/api@1.9',
      endpoint:
        'a Prometheus endpoint needs packages that are not installed: npm install @opentelemetry/api@1.9 @opentelemetry/sdk-metrics@2.12.0 @opentelemetry/exporter-prometheus@0.223',
    });
  });

  it('all packages that fit each other are named, even if only one is missing', async () => {
    const load = async (name: string) => {
      if (name === 'one') return 1;
      throw Object.assign(new Error("Cannot find package 'two' imported from here"), { code: 'ERR_MODULE_NOT_FOUND' });
    };
    const loading = loadPeers('it', ['one', 'two'] as never, { install: ['one@1', 'two@2.1'], load });
    await expect(loading).rejects.toMatchObject({
      packages: ['two'],
      message: 'it needs packages that are not installed: npm install one@1 two@2.1',
      cause: { code: 'ERR_MODULE_NOT_FOUND' },
    });
  });
});
