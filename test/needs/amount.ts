/** How often a test tries something by chance: as a variable of the environment says, else less where not everything is there. */
export function amountOf(variable: string, all: number, some: number): number {
  return Number(process.env[variable] ?? (process.env.TEST_NEEDS === 'all' ? all : some));
}
