import type { ErrorView } from '../../src/dashboard/api/index.js';
import { visible, visibleLines } from '../../src/dashboard/graph/text.js';
import { counted } from '../format.js';
import { Payload } from './scroll.js';

/** An error with its causes. */
export function ErrorTree({ error, depth = 0 }: { readonly error: ErrorView; readonly depth?: number }) {
  const { name, message, code, stack, cause, errors = [] } = error;
  return (
    <div class="error">
      <p class="error-line">
        <b class="error-name">{visible(name)}</b>
        {code !== undefined && <code class="error-code">{visible(code)}</code>}
      </p>
      <p class="error-message">{visibleLines(message)}</p>
      {stack !== undefined && (
        <details class="stack">
          <summary>Stack</summary>
          <Payload label={`Stack of ${visible(name)}`}>{visibleLines(stack)}</Payload>
        </details>
      )}
      {errors.length > 0 && (
        <details class="branch" open={depth === 0}>
          <summary>{counted(errors.length, 'error')} in it</summary>
          {errors.slice(0, 50).map((inner, index) => (
            <ErrorTree key={index} error={inner} depth={depth + 1} />
          ))}
        </details>
      )}
      {cause !== undefined && (
        <div class="branch">
          <p class="branch-word">caused by</p>
          <ErrorTree error={cause} depth={depth + 1} />
        </div>
      )}
    </div>
  );
}
