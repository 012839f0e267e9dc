import type { LoopsView } from '../../../src/dashboard/api/index.js';
import { visible } from '../../../src/dashboard/graph/text.js';
import { Scroll } from '../../parts/scroll.js';
import { Status } from '../../parts/status.js';
import { Count, Name } from '../../parts/text.js';

export function LoopNodes({ nodes }: { readonly nodes: LoopsView['loops'][number]['nodes'] }) {
  return (
    <Scroll class="is-scrolling" label="Nodes">
      <table class="table is-inner">
        <thead>
          <tr>
            <th>Node</th>
            <th>State</th>
            <th class="is-right">Calls</th>
            <th class="is-right">Errors</th>
            <th class="is-right">Retries</th>
            <th class="is-right">Dropped</th>
            <th class="is-right">In flight</th>
            <th>Last error</th>
          </tr>
        </thead>
        <tbody>
          {nodes.map(({ nodeId, state, calls, errors, retries, dropped, inFlight, error }) => (
            <tr key={nodeId}>
              <td>
                <Name class="is-mono">{nodeId}</Name>
              </td>
              <td>
                <Status status={state} />
              </td>
              {[calls, errors, retries, dropped, inFlight].map((value, index) => (
                <td key={index} class={`is-right${value === 0 ? ' muted' : ''}`}>
                  <Count>{value}</Count>
                </td>
              ))}
              <td class="is-wide tone-ink-red">
                {error === undefined || error === null ? '' : visible(error.slice(0, 300))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
