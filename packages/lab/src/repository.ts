import { fileURLToPath } from 'node:url';

/** The repository that this file is in; weir runs from its sources. */
export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
export const WEIR = `${REPOSITORY}packages/cli/bin/weir.js`;
