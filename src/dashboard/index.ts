export { createDashboard } from './create.js';
export type { Client, Dashboard, DashboardOptions } from './dashboard.js';
export { ListenError } from './errors.js';
export { nodeListener } from './node.js';
export { type ServedDashboard, type ServeOptions, serveDashboard } from './serve.js';
