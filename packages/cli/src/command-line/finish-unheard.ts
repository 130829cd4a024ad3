/**
 * For commands that change one thing after the other: they go on when nobody reads what they print, as behind `| head`. Others end
 * there (bin/weir.js), with nothing lost.
 */
export function finishUnheard(): void {
  process.stdout.removeAllListeners('error').on('error', () => {});
}
