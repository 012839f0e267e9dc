/**
 * The architecture, as rules on imports: never up, never sideways except distributed -> flow, no circles.
 *
 *     page                                               may import what the dashboard says to it
 *     tools      cli -> dashboard  telemetry  progress   may import the public face of anything below
 *     drivers    distributed -> flow   loops   limits    may import the kernel
 *     testing                                            may import the kernel
 *     kernel                                             may import shared
 *     shared     what belongs to no layer                imports none of these
 */
const drivers = 'flow|distributed|loops|limits';
const tools = 'cli|dashboard|telemetry|progress';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'shared-knows-no-layer',
      severity: 'error',
      from: { path: '^src/shared/' },
      to: { path: '^src/', pathNot: '^src/shared/' },
    },
    {
      name: 'kernel-stands-on-shared-alone',
      severity: 'error',
      from: { path: '^src/kernel/' },
      to: { path: '^src/', pathNot: '^src/(kernel|shared)/' },
    },
    {
      name: 'drivers-know-no-tool',
      severity: 'error',
      from: { path: `^src/(${drivers})/` },
      to: { path: `^src/(${tools})/` },
    },
    {
      name: 'drivers-do-not-know-each-other',
      comment: 'Only the distributed layer builds on another driver: it moves the tasks of flows.',
      severity: 'error',
      from: { path: `^src/(${drivers})/` },
      to: { path: `^src/(${drivers})/`, pathNot: ['^src/$1/', '^src/flow/'] },
    },
    {
      name: 'flow-loops-and-limits-stand-on-the-kernel-alone',
      severity: 'error',
      from: { path: '^src/(flow|loops|limits)/' },
      to: { path: `^src/(${drivers})/`, pathNot: '^src/$1/' },
    },
    {
      name: 'rooms-of-flow-are-entered-by-their-doors',
      comment: 'Other layers import a folder of flow through its index.ts only.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/flow/' },
      to: { path: '^src/flow/[^/]+/', pathNot: '/index.ts$' },
    },
    {
      name: 'engines-know-no-flow-of-work',
      comment: 'Engines store and deliver data, and do not interpret it.',
      severity: 'error',
      from: { path: '^src/distributed/engines/' },
      to: { path: '^src/distributed/(run|worker|orchestrator|testing|workflows)/' },
    },
    {
      name: 'orchestrator-and-worker-stand-side-by-side',
      comment: 'Code that both need is in run/.',
      severity: 'error',
      from: { path: '^src/distributed/(orchestrator|worker)/' },
      to: { path: '^src/distributed/(orchestrator|worker)/', pathNot: '^src/distributed/$1/' },
    },
    {
      name: 'testing-stands-on-the-kernel-alone',
      comment: 'It replaces and records what the kernel calls, in all layers.',
      severity: 'error',
      from: { path: '^src/testing/' },
      to: { path: '^src/', pathNot: '^src/(testing|kernel|shared)/' },
    },
    {
      name: 'testing-is-for-tests-alone',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/testing/' },
      to: { path: '^src/testing/' },
    },
    {
      name: 'tools-use-public-interfaces',
      comment: 'If a tool needs more, extend the public interface.',
      severity: 'error',
      from: { path: `^src/(${tools})/` },
      to: { path: '^src/', pathNot: ['^src/$1/', '/index.ts$', '^src/shared/'] },
    },
    {
      name: 'tools-do-not-know-each-other',
      comment: 'Only the command line uses the other tools.',
      severity: 'error',
      from: { path: '^src/(dashboard|telemetry|progress)/' },
      to: { path: `^src/(${tools})/`, pathNot: '^src/$1/' },
    },
    {
      name: 'page-knows-the-dashboard-alone',
      comment: 'The page may import the dashboard (messages, graph layout) and the formatting of durations.',
      severity: 'error',
      from: { path: '^page/' },
      to: { path: '^src/', pathNot: '^src/(dashboard/|shared/durations)' },
    },
    {
      name: 'source-does-not-know-the-page',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^page/' },
    },
    {
      name: 'source-imports-what-users-install',
      comment: 'Exception: the graph layout is bundled into the package with its dependencies.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/dashboard/graph/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm-peer'] },
    },
    {
      name: 'peers-are-loaded-when-they-are-needed',
      comment: 'Users install only the packages of the engines that they use.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-peer'], dependencyTypesNot: ['type-only'], dynamic: false },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: '\\.d\\.mts$' },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types'] },
  },
};
