/**
 * The architecture, as rules on imports: never up, never sideways except distributed -> flow -> durable, no circles.
 *
 *     page                                               may import what the dashboard says to it
 *     tools      cli -> dashboard  telemetry  progress   may import the public face of anything below
 *     drivers    distributed -> flow -> durable          may import the kernel
 *                loops   limits
 *     testing                                            may import the kernel
 *     kernel                                             may import shared
 *     shared     what belongs to no layer                imports none of these
 */
const drivers = 'durable|flow|distributed|loops|limits';
const tools = 'cli|dashboard|telemetry|progress';

/** The part of the command line that a command loads when it is executed. */
const workOfCommands = '(commands/.*/work[.]ts$|completion/|setup/)';

/** The folders of the kernel, each with those that it may import. */
const roomsOfKernel = {
  hooks: [],
  scope: ['hooks'],
  policies: ['hooks', 'scope'],
  groups: ['hooks', 'scope'],
  actions: ['hooks', 'scope', 'policies'],
};

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
    ...Object.entries(roomsOfKernel).map(([room, below]) => ({
      name: `kernel-${room}-stands-on-${below.join('-and-') || 'errors-and-cancellation'}`,
      severity: 'error',
      from: { path: `^src/kernel/${room}/` },
      to: {
        path: '^src/kernel/',
        pathNot: `^src/kernel/(${[room, ...below].join('|')})/|/(cancellation|errors)\\.ts$`,
      },
    })),
    {
      name: 'drivers-know-no-tool',
      severity: 'error',
      from: { path: `^src/(${drivers})/` },
      to: { path: `^src/(${tools})/` },
    },
    {
      name: 'drivers-do-not-know-each-other',
      comment: 'The distributed layer moves the tasks of flows, and flows may build on durable runs.',
      severity: 'error',
      from: { path: `^src/(${drivers})/` },
      to: { path: `^src/(${drivers})/`, pathNot: ['^src/$1/', '^src/(flow|durable)/'] },
    },
    {
      name: 'durable-loops-and-limits-stand-on-the-kernel-alone',
      severity: 'error',
      from: { path: '^src/(durable|loops|limits)/' },
      to: { path: `^src/(${drivers})/`, pathNot: '^src/$1/' },
    },
    {
      name: 'flow-stands-on-the-kernel-and-durable-runs',
      severity: 'error',
      from: { path: '^src/flow/' },
      to: { path: `^src/(${drivers})/`, pathNot: ['^src/flow/', '^src/durable/'] },
    },
    {
      name: 'testing-of-durable-runs-is-for-tests-alone',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/durable/testing/' },
      to: { path: '^src/durable/testing/' },
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
      name: 'command-line-loads-work-when-it-is-executed',
      comment: 'Help, completion and errors in the arguments load declarations only. Use loaded() for the rest.',
      severity: 'error',
      from: { path: '^src/cli/', pathNot: `^src/cli/${workOfCommands}` },
      to: {
        path: '^src/|node_modules',
        pathNot: [`^src/cli/(?!${workOfCommands})`, '^src/(shared|distributed/status)/', 'node_modules/commander/'],
        dynamic: false,
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'dashboard-loads-nothing-that-it-shows',
      comment:
        'It is given runs and loops, and tells their errors apart by code. Programs load only the layers that they use.',
      severity: 'error',
      from: { path: '^src/dashboard/' },
      to: {
        path: `^src/(kernel|${drivers}|index[.]ts$)`,
        pathNot: '^src/distributed/status/',
        dependencyTypesNot: ['type-only'],
      },
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
