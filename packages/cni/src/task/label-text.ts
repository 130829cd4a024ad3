/**
 * Makes a label's key or value out of any text that Mesos lets through, by the rule that Calico has for Mesos, so that policies written
 * for the one select the same tasks with the other: `/` becomes `.`; every run of other illegal characters `-`; every run of dots
 * and dashes that holds a dot `.`; dots and dashes at the ends go.
 */
export function cleanLabelText(text: string): string {
  return text
    .replaceAll('/', '.')
    .replace(/[^-_.a-zA-Z0-9]+/g, '-')
    .replace(/[.-]+/g, (run) => (run.includes('.') ? '.' : run))
    .replace(/^[.-]+|(?<![.-])[.-]+$/g, '');
}
