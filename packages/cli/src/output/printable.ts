/**
 * Text that others chose, such as the name of a framework or an annotation: control characters but for tabs as `\x1b`, so that to look at
 * an object does nothing to the terminal. One line.
 */
export function printable(text: string): string {
  return text.replaceAll(/(?!\t)\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
