export type { Dashboard, DashboardOptions } from './dashboard.js';
