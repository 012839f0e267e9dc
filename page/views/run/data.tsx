import type { RunDetail } from '../../../src/dashboard/api/index.js';
import { Value } from '../../parts/value.js';

export function DataSection({ detail: { run, input, output, context } }: { readonly detail: RunDetail }) {
  const isOver = run.finishedAt !== undefined;
  return (
    <div class="data">
      <Value title="Input" value={input} absent="It was started without." />
      <Value
        title="Output"
        value={output}
        absent={isOver ? 'It has none.' : 'There is none yet: the run is under way.'}
      />
      <Value title="Context" value={context} absent="It is empty." />
    </div>
  );
}
