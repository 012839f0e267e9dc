import type { Engine, WorkflowStore, WorkflowVersion } from '../../contracts.js';

export class MemoryWorkflows implements WorkflowStore {
  readonly #blueprints = new Map<string, { readonly id: string; readonly version: string; readonly text: string }>();

  constructor(readonly engine: Engine) {}

  async put(id: string, version: string, text: string): Promise<void> {
    this.#blueprints.set(keyOf(id, version), { id, version, text });
  }

  async get(id: string, version: string): Promise<string | undefined> {
    return this.#blueprints.get(keyOf(id, version))?.text;
  }

  async list(): Promise<WorkflowVersion[]> {
    return [...this.#blueprints.values()].map(({ id, version }) => ({ id, version }));
  }
}

function keyOf(id: string, version: string): string {
  return JSON.stringify([id, version]);
}
