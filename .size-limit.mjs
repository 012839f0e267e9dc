/** The promise of the README: minified and gzipped, as a bundler would ship it to a Node program. */
const modifyEsbuildConfig = (config) => ({ ...config, platform: 'node', format: 'esm', target: 'node20' });

export default [
  {
    name: 'kernel, dependencies aside',
    path: 'dist/index.js',
    limit: '10.8 kB',
    gzip: true,
    ignore: ['p-all', 'p-retry'],
    modifyEsbuildConfig,
  },
  {
    name: 'kernel with dependencies',
    path: 'dist/index.js',
    limit: '12.6 kB',
    gzip: true,
    modifyEsbuildConfig,
  },
];
