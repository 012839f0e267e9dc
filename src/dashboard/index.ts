export { segmentOf } from './address.js';
export type {
  AttemptView,
  DeadLettersView,
  DeadLetterView,
  EdgeView,
  EngineView,
  ErrorView,
  EventsPage,
  EventView,
  LoopsView,
  NodeStatus,
  NodeView,
  Overview,
  Problem,
  QueuesView,
  RunDetail,
  RunSummary,
  RunsPage,
  StreamEvents,
  ValueView,
  WorkerView,
} from './api.js';
export { createDashboard } from './create.js';
export type { Client, Dashboard, DashboardOptions } from './dashboard.js';
export { ListenError } from './errors.js';
export { nodeListener } from './node.js';
export { type Redactor, redactorOf } from './redaction/redactor.js';
export { type ServedDashboard, type ServeOptions, serveDashboard } from './serve.js';
