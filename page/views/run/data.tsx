import type { RunDetail } from '../../../src/dashboard/api/index.js';
import { Value } from '../../parts/value.js';

export function DataSection({ detail: { run, input, output, context } }: { readonly detail: RunDetail }) {
  const isOver = run.finishedAt !== undefined;
  return (
    <div class="data">
      <Value title="Input" value={input} absent="The run was started without input." />
      <Value
        title="Output"
        value={output}
        absent={isOver ? 'The run has no output.' : 'None yet: the run is still in progress.'}
      />
      <Value title="Context" value={context} absent="The context is empty." />
    </div>
  );
}
