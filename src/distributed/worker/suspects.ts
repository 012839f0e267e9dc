/** The suspects that a worker is executing: work items during which a worker may have died earlier. */
export interface Suspects {
  /** Number of suspects. */
  count: number;
  /** If true, the only suspect is given up if this worker dies too. */
  hasLastChance: boolean;
}
