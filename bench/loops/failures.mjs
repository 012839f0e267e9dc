/** Throws errors of loops: the figures of a failing workflow would be meaningless. */
export function failsWith(workflow) {
  return workflow.on('failure', ({ error }) => {
    throw error;
  });
}
