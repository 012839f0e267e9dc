/**
 * Lets the program end although the timer is pending.
 *
 * @returns the timer
 */
export function unref(timer: NodeJS.Timeout): NodeJS.Timeout {
  // On workerd, timers are numbers and keep nothing alive.
  timer.unref?.();
  return timer;
}
