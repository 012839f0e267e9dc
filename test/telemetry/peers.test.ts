import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
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
  it('telemetry says which to install when it is started, and logs are written all the same', async () => {
    const directory = await temporaryDirectory();
    afterwards(() => removeDirectory(directory));
    await build({
      entryPoints: [fileURLToPath(new URL('../../src/telemetry/index.ts', import.meta.url))],
      outfile: `${directory}/telemetry.mjs`,
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['@opentelemetry/*'],
    });
    await writeFile(`${directory}/program.mjs`, program);
    const { stdout } = await promisify(execFile)(process.execPath, [`${directory}/program.mjs`], { cwd: directory });
    expect(JSON.parse(stdout)).toEqual({
      code: 'ERR_MISSING_PEER',
      message: 'telemetry needs packages that are not installed: npm install @opentelemetry/api',
      endpoint:
        'a Prometheus endpoint needs packages that are not installed: npm install @opentelemetry/api @opentelemetry/sdk-metrics @opentelemetry/exporter-prometheus',
    });
  });
});
