import { readFileSync } from 'node:fs';
import { isPassword, PASSWORD_ALLOWED, type PasswordSource } from '@weir/resources';

/** @throws Error that names the file, and shows nothing of what is in it */
export function readPassword({ file, text }: PasswordSource): string {
  if (file === undefined) return text!;
  let content: string;
  try {
    content = readFileSync(file, 'utf8').trimEnd();
  } catch (error) {
    throw new Error(`cannot read the password in ${file} of this host: ${(error as NodeJS.ErrnoException).code}`);
  }
  if (isPassword(content)) return content;
  throw new Error(`what is in ${file} of this host is no password: expected ${PASSWORD_ALLOWED}`);
}
