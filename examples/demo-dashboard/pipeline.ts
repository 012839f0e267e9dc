import { setTimeout as sleep } from 'node:timers/promises';
import { Loop, type NodeData, to, WorkflowOrchestrator } from 'orchestrator/loops';

interface Reading {
  readonly sensor: string;
  readonly celsius: number;
}

/** Number of sensors, and number of readings between two senseless ones. */
const sensors = 24;
const nonsense = 400;

/**
 * Endless readings of sensors:
 *
 *     sensors ──► readings ──► check ──► checked ──► store
 *                                └─────► alarms ───► alarm
 *
 * `store` is slower than the other loops at times, so that queues visibly fill and drain. Readings that cannot be
 * parsed become dead letters.
 */
export function createPipeline(): WorkflowOrchestrator {
  let count = 0;
  const produce = new Loop('sensors', { schedule: 8 })
    .producer('measure', (): Reading => {
      count++;
      const celsius = count % nonsense === 0 ? Number.NaN : 20 + 8 * Math.sin(count / 300) + (count % 7) / 3;
      return { sensor: `sensor-${1 + (count % sensors)}`, celsius };
    })
    .push('put', 'readings');

  const check = new Loop('check')
    .read('take', 'readings')
    .blocking('understand', (reading: Reading) => {
      if (Number.isNaN(reading.celsius)) throw new RangeError(`${reading.sensor} says that it is NaN °C`);
      return reading;
    })
    .push('pass', 'checked')
    .blocking('compare', (reading: Reading) => (reading.celsius > 28.5 ? to('warn', reading) : to()))
    .push('warn', 'alarms');

  const store = new Loop('store')
    .read('take', 'checked', { batch: 20 })
    .blocking('write', async (readings: readonly Reading[], { iteration, signal }: NodeData) => {
      // Simulates a regular clean-up, which slows the store down.
      await sleep(iteration % 120 < 30 ? 130 : 20, undefined, { signal });
      return readings.length;
    });

  const alarm = new Loop('alarm')
    .read('take', 'alarms')
    .nonBlocking('call', async (_reading: Reading, { signal }: NodeData) => sleep(40, undefined, { signal }), {
      maxInFlight: 8,
    });

  const queues = { readings: { capacity: 2_000 }, checked: { capacity: 1_000 }, alarms: { capacity: 500 } };
  return new WorkflowOrchestrator({ metricsInterval: 500 }).load({ queues, loops: [produce, check, store, alarm] });
}
