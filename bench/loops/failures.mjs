/** A figure of a workflow whose loops fail would mean nothing. */
export function failsWith(workflow) {
  return workflow.on('failure', ({ error }) => {
    throw error;
  });
}
