/** One file of a bundle. */
export interface Part {
  /** Path within the bundle. */
  file: string;
  /** For people. */
  what: string;
  read(): Promise<string>;
}

/** A part as it was read; `failure` says why it could not be. */
export interface ReadPart {
  file: string;
  what: string;
  text: string;
  failure?: string;
}

export async function readPart({ file, what, read }: Part): Promise<ReadPart> {
  try {
    return { file, what, text: await read() };
  } catch (error) {
    const { message, cause } = error as Error;
    const failure = cause instanceof Error && !message.includes(cause.message) ? `${message}: ${cause.message}` : message;
    return { file, what, text: `could not be read: ${failure}\n`, failure };
  }
}
