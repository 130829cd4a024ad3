import { z } from 'zod';
import { acrossFields, text } from '../validation/field.ts';

/** Where a session's password is: a file on each host that has the session, or in the object itself, where whoever reads the store reads it. */
export interface PasswordSource {
  /** Absolute path. Blanks and newlines at its end do not count. */
  file?: string;
  text?: string;
}

/** As many bytes as Linux takes for a key of TCP MD5 (RFC 2385, TCP_MD5SIG_MAXKEYLEN). */
const MAXIMUM_PASSWORD_LENGTH = 80;

/** What can stand between quotes in a configuration of BIRD. The refusal must not show it. */
export const isPassword = (value: string): boolean =>
  /^[\x20-\x7e]+$/.test(value) && !value.includes('"') && value.length <= MAXIMUM_PASSWORD_LENGTH;

export const PASSWORD_ALLOWED = `1 to ${MAXIMUM_PASSWORD_LENGTH} printable characters of ASCII, and no "`;

export const passwordSourceSchema: z.ZodType<PasswordSource> = acrossFields(
  z.strictObject({
    file: text({ what: 'path', pattern: /^\/[^\0\n]+$/, allowed: 'an absolute one, such as "/etc/weir/bgp-password"' }).optional(),
    text: z.string().refine(isPassword, `is no password: expected ${PASSWORD_ALLOWED}`).optional(),
  }),
  ({ file, text: own }, report) => {
    if ((file === undefined) === (own === undefined)) report([], 'expected either file or text');
  },
);
